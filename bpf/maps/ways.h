/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ways out of the node. Written and read by lib/leave.h, nobody else. A CPU's programs never interrupt each other, so that
 * none sees a row half written.
 */
#pragma once
#include "../abi/way.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WAYS);
	__type(key, __u32);
	__type(value, struct way);
} cilium_ways SEC(".maps");
