/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The prefilter's tables: which source addresses are denied. A prefix within another one is not in them.
 *
 * cilium_cidr_direct answers for the first 24 bits with two: denied as a whole, or that there is something longer below.
 * For IPv4, a node found by the first 3 bytes has a bit for each value of the fourth. For IPv6, a cache line found by a
 * hash of the first 3 bytes holds whatever is longer. Where a line is full, its flags say to go on with one more byte.
 * Lines are shared by whatever hashes to them: an entry is a whole prefix and says by itself what it denies. Prefixes
 * that found no line (their flag says so) are in nodes, by 3 to 15 bytes, as those of IPv4.
 */
#pragma once
#include <linux/types.h>

#define PREFILTER_DIRECT_BITS 24
/* Of the 24, what one block answers for; so many blocks has a family, IPv6 behind IPv4. */
#define PREFILTER_BLOCK_BITS 10
#define PREFILTER_BLOCKS 16384
/* Bits of a line's number, and its slots. */
#define PREFILTER_LINE_BITS 18
#define PREFILTER_LINE_SLOTS 7
/* Bytes of a node's key, and of what a line is found by. */
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

/* cilium_cidr_nodes6 (hash). The bytes behind `length` are zero. */
struct prefilter6_key {
	__u8 bytes[15];
	__u8 length;
};

struct prefilter_node {
	__u64 denied[4];	/* a bit for each value of the next byte */
};

/* The second slot of a prefix of more than 64 bits. */
#define PREFILTER_SECOND_SLOT 255

enum prefilter_line_flags { PREFILTER_LINE_MORE = 1, PREFILTER_LINE_NODES = 2 };

/* cilium_cidr_lines (array). Words are numbers, whose highest bit is the address's first. */
struct prefilter_line {
	__u64 words[7];
	__u8 lengths[7];	/* of the prefix in bits; 0: the slot is free */
	__u8 flags;		/* enum prefilter_line_flags */
};

/* cilium_cidr_state (array of one). */
struct prefilter_state {
	__u32 revision;		/* of the list that the tables hold; 0 while they are being changed */
};
