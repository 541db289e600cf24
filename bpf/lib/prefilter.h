/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Is a source address denied? Most are answered by the first table. */
#pragma once
#include "../maps/prefilter.h"

static __always_inline int prefilter_direct(__u32 top, __u32 first_block)
{
	__u32 index = first_block + (top >> PREFILTER_BLOCK_BITS);
	const struct prefilter_block *block = bpf_map_lookup_elem(&cilium_cidr_direct, &index);
	__u32 entry = top & ((1 << PREFILTER_BLOCK_BITS) - 1);

	return block ? (block->words[entry >> 5] >> ((entry & 31) * 2)) & 3 : PREFILTER_PASS;
}

static __always_inline bool node_denies(const struct prefilter_node *node, __u8 next)
{
	return node && (node->denied[next >> 6] >> (next & 63)) & 1;
}

static __always_inline bool prefilter_denies_ipv4(__be32 address)
{
	__u32 host = bpf_ntohl(address);
	int direct = prefilter_direct(host >> 8, 0);
	__u32 key = (address & bpf_htonl(0xffffff00)) | bpf_htonl(PREFILTER_FIRST_NODE);

	_Static_assert(sizeof(key) == sizeof(struct prefilter4_key), "the key is built as one word");
	if (likely(direct != PREFILTER_LONGER))
		return direct == PREFILTER_DENY;
	return node_denies(bpf_map_lookup_elem(&cilium_cidr_v4, &key), host);
}

/* Words as they stand in memory; src/datapath/prefilter/filter-hash.ts has the same. */
static __always_inline __u32 prefilter_hash(__u32 a, __u32 b, __u32 c, __u32 d, __u32 length)
{
	__u32 hash = a * 0x9e3779b1u + length;

	hash = (hash ^ (hash >> 15) ^ b) * 0x85ebca77u;
	hash = (hash ^ (hash >> 13) ^ c) * 0xc2b2ae3du;
	hash = (hash ^ (hash >> 16) ^ d) * 0x27d4eb2fu;
	return (hash ^ (hash >> 15)) >> (32 - PREFILTER_FILTER_BITS);
}

static __always_inline bool may_have_node(__u32 hash)
{
	__u32 index = hash >> PREFILTER_FILTER_BLOCK_BITS;
	const struct prefilter_filter *block = bpf_map_lookup_elem(&cilium_cidr_filter, &index);
	__u32 bit = hash & ((1 << PREFILTER_FILTER_BLOCK_BITS) - 1);

	return block && (block->words[bit >> 6] >> (bit & 63)) & 1;
}

/* Word `word` of the address without what stands behind `length` bytes. */
static __always_inline __u32 leading(const __u32 *words, int word, int length)
{
	int bytes = length - word * 4;

	if (bytes <= 0)
		return 0;
	return bytes >= 4 ? words[word] : words[word] & bpf_htonl(~(0xffffffffu >> (bytes * 8)));
}

static __always_inline bool ipv6_node_denies(const __u32 *words, int length)
{
	__u32 key[4] = { leading(words, 0, length), leading(words, 1, length), leading(words, 2, length),
			 leading(words, 3, length) };

	if (likely(!may_have_node(prefilter_hash(key[0], key[1], key[2], key[3], length))))
		return false;
	key[3] |= bpf_htonl(length);
	return node_denies(bpf_map_lookup_elem(&cilium_cidr_v6, key),
			   bpf_ntohl(words[length / 4]) >> (24 - (length & 3) * 8));
}

static __always_inline bool prefilter_denies_ipv6(const __u32 *words)
{
	int direct = prefilter_direct(bpf_ntohl(words[0]) >> 8, PREFILTER_BLOCKS);
	const struct prefilter_levels *levels;
	__u32 zero = 0, used;

	if (likely(direct != PREFILTER_LONGER))
		return direct == PREFILTER_DENY;
	levels = bpf_map_lookup_elem(&cilium_cidr_levels, &zero);
	used = levels ? levels->ipv6 : 0;
#pragma unroll
	for (int length = PREFILTER_FIRST_NODE; length <= PREFILTER_LAST_NODE; length++)
		if ((used >> length & 1) && ipv6_node_denies(words, length))
			return true;
	return false;
}
