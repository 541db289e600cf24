/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Masquerading. Flows are written by lib/nat.h and swept by src/datapath; excluded destinations are written by
 * src/datapath/masquerade. Keys: see abi/nat.h.
 */
#pragma once
#include "../abi/nat.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct nat4_key);
	__type(value, struct nat_entry);
} cilium_snat_v4_external SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct nat6_key);
	__type(value, struct nat_entry);
} cilium_snat_v6_external SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NAT_RETRY_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} cilium_snat_v4_alloc_retries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NAT_RETRY_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} cilium_snat_v6_alloc_retries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipmasq4_key);
	__type(value, __u8);
} cilium_ipmasq_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipmasq6_key);
	__type(value, __u8);
} cilium_ipmasq_v6 SEC(".maps");
