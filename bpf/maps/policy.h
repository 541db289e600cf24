/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy sets. Written by src/policy; read by lib/policy.h. Key: set, remote identity, direction, protocol, port. */
#pragma once
#include "../abi/policy.h"
#include "../lib/helpers.h"

/* One port each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_key);
	__type(value, struct policy_entry);
} cilium_policy_v2_exact SEC(".maps");

/* Port ranges, any port, any protocol. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_prefix_key);
	__type(value, struct policy_entry);
} cilium_policy_v2_prefix SEC(".maps");
