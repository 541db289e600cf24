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

/* The line of an address's first `length` bytes, as words that stand so in memory; the same is in
 * src/datapath/prefilter/line-hash.ts.
 */
static __always_inline __u32 line_index(__u32 a, __u32 b, __u32 c, __u32 d, __u32 length)
{
	__u32 hash = a * 0x9e3779b1u + length;

	hash = (hash ^ (hash >> 15) ^ b) * 0x85ebca77u;
	hash = (hash ^ (hash >> 13) ^ c) * 0xc2b2ae3du;
	hash = (hash ^ (hash >> 16) ^ d) * 0x27d4eb2fu;
	return (hash ^ (hash >> 15)) >> (32 - PREFILTER_LINE_BITS);
}

/* Word `word` of the address without what stands behind `length` bytes. */
static __always_inline __u32 leading(const __u32 *words, int word, int length)
{
	int bytes = length - word * 4;

	if (bytes <= 0)
		return 0;
	return bytes >= 4 ? words[word] : words[word] & bpf_htonl(~(0xffffffffu >> (bytes * 8)));
}

/* Is the address in one of the line's prefixes? */
static __always_inline bool line_denies(const struct prefilter_line *line, __u64 high, __u64 low)
{
#pragma unroll
	for (int slot = 0; slot < PREFILTER_LINE_SLOTS; slot++) {
		__u32 length = line->lengths[slot];
		__u64 off = line->words[slot] ^ high;

		if (length - 1 < 64) {
			if (!(off >> (64 - length)))
				return true;
		} else if (slot + 1 < PREFILTER_LINE_SLOTS && length - 65 < 64 && !off) {
			if (!((line->words[slot + 1] ^ low) >> (128 - length)))
				return true;
		}
	}
	return false;
}

static __always_inline bool ipv6_node_denies(const __u32 *words, int length)
{
	__u32 key[4] = { leading(words, 0, length), leading(words, 1, length), leading(words, 2, length),
			 leading(words, 3, length) | bpf_htonl(length) };

	return node_denies(bpf_map_lookup_elem(&cilium_cidr_nodes6, key),
			   bpf_ntohl(words[length / 4]) >> (24 - (length & 3) * 8));
}

static __always_inline bool prefilter_denies_ipv6(const __u32 *words)
{
	int direct = prefilter_direct(bpf_ntohl(words[0]) >> 8, PREFILTER_BLOCKS);
	__u64 high = (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
	__u64 low = (__u64)bpf_ntohl(words[2]) << 32 | bpf_ntohl(words[3]);

	if (likely(direct != PREFILTER_LONGER))
		return direct == PREFILTER_DENY;
#pragma unroll
	for (int length = PREFILTER_FIRST_NODE; length <= PREFILTER_LAST_NODE; length++) {
		__u32 index = line_index(leading(words, 0, length), leading(words, 1, length), leading(words, 2, length),
					 leading(words, 3, length), length);
		const struct prefilter_line *line = bpf_map_lookup_elem(&cilium_cidr_lines, &index);

		if (!line)
			return false;
		if (line_denies(line, high, low))
			return true;
		if (unlikely(line->flags & PREFILTER_LINE_NODES) && ipv6_node_denies(words, length))
			return true;
		if (likely(!(line->flags & PREFILTER_LINE_MORE)))
			return false;
	}
	return false;
}
