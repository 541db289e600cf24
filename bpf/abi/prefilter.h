/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The prefilter's tables: which source addresses are denied. A prefix within another one is not in them.
 *
 * cilium_cidr_direct answers for the first 24 bits with two: denied as a whole, or that there is something longer below.
 * Then a node, found by a number of whole bytes of the address, has a bit for each value of the byte behind them: IPv4
 * has nodes of 3 bytes, IPv6 of 3 to 15, for prefixes of up to 8 bits more. No node stands on the way to a longer one.
 */
#pragma once
#include <linux/types.h>

#define PREFILTER_DIRECT_BITS 24
/* Of the 24, what one block answers for; so many blocks has a family, IPv6 behind IPv4. */
#define PREFILTER_BLOCK_BITS 10
#define PREFILTER_BLOCKS 16384
/* Bits of the filter in front of the nodes of IPv6, and those of one block. */
#define PREFILTER_FILTER_BITS 25
#define PREFILTER_FILTER_BLOCK_BITS 11
/* Bytes of a node's key. */
#define PREFILTER_FIRST_NODE 3
#define PREFILTER_LAST_NODE 15

enum prefilter_direct { PREFILTER_PASS = 0, PREFILTER_DENY = 1, PREFILTER_LONGER = 2 };

/* cilium_cidr_direct (array). Two bits of enum prefilter_direct for each of the 1,024 values, 32 in a word. */
struct prefilter_block {
	__u64 words[32];
};

/* cilium_cidr_v4 (hash). */
struct prefilter4_key {
	__u8 bytes[3];
	__u8 length;		/* 3 */
};

/* cilium_cidr_v6 (hash). The bytes behind `length` are zero. */
struct prefilter6_key {
	__u8 bytes[15];
	__u8 length;
};

struct prefilter_node {
	__u64 denied[4];	/* a bit for each value of the next byte */
};

/* cilium_cidr_filter (array): a bit for each node of IPv6, by hash; may say yes where there is none. */
struct prefilter_filter {
	__u64 words[32];
};

/* cilium_cidr_levels (array of one). */
struct prefilter_levels {
	__u32 ipv6;		/* bit n is set when there are nodes of IPv6 of n bytes */
	__u32 revision;		/* of the list that the tables hold; 0 while they are being changed */
};
