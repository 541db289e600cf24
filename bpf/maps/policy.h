/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy sets. Written by src/endpoint; read by lib/policy.h. */
#pragma once
#include "../abi/policy.h"
#include "../lib/helpers.h"

/* Key: set and remote identity. Names the list of ports. Preallocated: entries then stand line by line. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct policy_peer_key);
	__type(value, struct policy_peer);
} cilium_policy_v2_peers SEC(".maps");

/* Key: list, protocol and port with the bits that count. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_port_key);
	__type(value, struct policy_entry);
} cilium_policy_v2_ports SEC(".maps");
