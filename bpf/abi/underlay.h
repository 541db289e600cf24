/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The way to another node over the underlay, as the routing table said within this second. */
#pragma once
#include <linux/types.h>

#define UNDERLAY_WAYS 1024

/* cilium_underlay4: array for each CPU. A node's slot is its address modulo UNDERLAY_WAYS; two nodes in one slot only
 * ask more often.
 */
struct underlay4_way {
	__be32 node;
	__u32 second;		/* of CLOCK_MONOTONIC, when the routing table was asked */
	__u32 ifindex;		/* 0: the tunnel device has to find the way */
	__be32 source;
	__be32 next_hop;
	__u32 mtu;		/* of the route */
};
