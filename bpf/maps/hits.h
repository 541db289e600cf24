/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How often rules decided. Written by lib/hits.h; read by src/datapath. Key: see abi/hits.h. */
#pragma once
#include "../abi/hits.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POLICY_HITS_SLOTS);
	__type(key, __u32);
	__type(value, struct policy_hits);
} cilium_policystats SEC(".maps");
