/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which identity an address has, and behind which node it lives. */
#pragma once
#include "address.h"

/* cilium_ipcache_v2 (LPM trie, prefixes). prefixlen counts the bits of cluster_id, pad and family (32) too. */
struct ipcache_key {
	__u32 prefixlen;
	__u16 cluster_id;
	__u8 pad;
	__u8 family;
	union ip_address address;
};

/* cilium_ipcache_exact (hash, whole addresses: /32 and /128), asked first. */
struct ipcache_exact_key {
	__u16 cluster_id;
	__u8 pad;
	__u8 family;
	union ip_address address;
};

enum ipcache_flags {
	IPCACHE_F_SKIP_TUNNEL = 1,
	IPCACHE_F_HAS_TUNNEL = 2,
	IPCACHE_F_IPV6_TUNNEL = 4,
	IPCACHE_F_REMOTE_CLUSTER = 8,
};

struct ipcache_entry {
	__u32 identity;
	__u16 pad;
	__u8 encrypt_key;
	__u8 flags;
	union ip_address tunnel_endpoint;
};

/* cilium_node_map_v2: underlay addresses of the known nodes; tunnel packets from others are dropped. */
struct node_key {
	__u16 pad1;
	__u8 pad2;
	__u8 family;
	union ip_address address;
};

struct node_value {
	__u16 node_id;
	__u8 spi;
	__u8 pad;
};
