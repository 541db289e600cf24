/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ports of fragmented datagrams. Written and read by lib/fragment.h. Key: what all fragments of a datagram share. */
#pragma once
#include "../abi/conntrack.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct frag4_key);
	__type(value, struct frag_value);
} cilium_ipv4_frag_datagrams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct frag6_key);
	__type(value, struct frag_value);
} cilium_ipv6_frag_datagrams SEC(".maps");
