/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* IPv6 headers and extension headers. */
#pragma once
#include "drop.h"
#include "ipv4.h"

#define IPV6_MAX_EXTENSIONS 6
#define NEXTHDR_HOP_BY_HOP 0
#define NEXTHDR_ROUTING 43
#define NEXTHDR_FRAGMENT 44
#define NEXTHDR_ESP 50
#define NEXTHDR_AUTH 51
#define NEXTHDR_NONE 59
#define NEXTHDR_DESTINATION 60
#define NEXTHDR_MOBILITY 135
#define NEXTHDR_HIP 139
#define NEXTHDR_SHIM6 140

struct extension {
	__u8 next;
	__u8 length;	/* not of a fragment header */
	__be16 offset;	/* of a fragment header: offset and flags */
	__be32 id;
};

/* Headers that we read past. */
static __always_inline bool is_walked_extension(__u8 header)
{
	return header == NEXTHDR_HOP_BY_HOP || header == NEXTHDR_DESTINATION || header == NEXTHDR_AUTH ||
	       header == NEXTHDR_FRAGMENT;
}

/* Headers that change where a packet goes or what it means. */
static __always_inline bool is_forbidden_extension(__u8 header)
{
	return header == NEXTHDR_ROUTING || header == NEXTHDR_MOBILITY || header == NEXTHDR_HIP ||
	       header == NEXTHDR_SHIM6 || header >= 253;
}

static __always_inline int parse_fragment_header(struct packet *packet, const struct extension *extension)
{
	__u32 offset = bpf_ntohs(extension->offset) & 0xfff8;

	if (is_walked_extension(extension->next))
		return drop(packet, DROP_INVALID_EXTENSION_HEADER);
	if (!offset && !(extension->offset & bpf_htons(1)))
		return 0;
	packet->fragment = offset ? FRAGMENT_LATER : FRAGMENT_FIRST;
	packet->fragment_id = extension->id;
	if (offset && fragment_overlaps_header(extension->next, offset))
		return drop(packet, DROP_CT_INVALID_HEADER);
	return 0;
}

/* Walks to the L4 header: moves packet->l4_offset and packet->protocol. 0 or what drop() gives. */
__verified_alone int walk_extensions(struct __sk_buff *skb, struct packet *packet)
{
	__u32 offset = ETH_LENGTH + sizeof(struct ipv6hdr);
	__u8 header;

	if (!packet)
		return -DROP_INVALID_EXTENSION_HEADER;
	header = packet->protocol;
	for (int i = 0; i <= IPV6_MAX_EXTENSIONS; i++) {
		struct extension extension;
		int verdict;

		if (!is_walked_extension(header)) {
			packet->l4_offset = offset;
			packet->protocol = header;
			return 0;
		}
		if ((header == NEXTHDR_HOP_BY_HOP && i > 0) || bpf_skb_load_bytes(skb, offset, &extension, sizeof(extension)))
			return drop(packet, DROP_INVALID_EXTENSION_HEADER);
		if (header == NEXTHDR_FRAGMENT) {
			verdict = parse_fragment_header(packet, &extension);
			if (verdict)
				return verdict;
			offset += sizeof(extension);
		} else if (header == NEXTHDR_AUTH) {
			offset += (extension.length + 2) * 4;
		} else {
			offset += (extension.length + 1) * 8;
		}
		header = extension.next;
	}
	return drop(packet, DROP_INVALID_EXTENSION_HEADER);
}

/* Reads and checks the header and what stands before L4; 0 or what drop() gives. */
static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6hdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));
	__u32 end;

	if (!ip || ip->version != 6)
		return drop(packet, DROP_INVALID);
	end = ETH_LENGTH + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (end > skb->len)
		return drop(packet, DROP_INVALID);
	read_ipv6_address(&packet->source, &ip->saddr);
	read_ipv6_address(&packet->destination, &ip->daddr);
	packet->protocol = ip->nexthdr;
	packet->ttl = ip->hop_limit;
	packet->l4_offset = ETH_LENGTH + sizeof(*ip);
	if (unlikely(is_walked_extension(packet->protocol))) {
		int verdict = walk_extensions(skb, packet);

		if (verdict)
			return verdict;
	}
	if (is_forbidden_extension(packet->protocol) || packet->l4_offset > end)
		return drop(packet, DROP_INVALID_EXTENSION_HEADER);
	packet->l4_length = end - packet->l4_offset;
	return 0;
}
