/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ways to other nodes. Written and read by lib/underlay.h, nobody else. A CPU's programs never interrupt each other, so
 * that none sees a row half written.
 */
#pragma once
#include "../abi/underlay.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, UNDERLAY_WAYS);
	__type(key, __u32);
	__type(value, struct underlay4_way);
} cilium_underlay4 SEC(".maps");
