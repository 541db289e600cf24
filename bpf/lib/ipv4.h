/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* IPv4 headers. */
#pragma once
#include "drop.h"

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK 0x1fff
#define IPV4_MAX_OPTIONS 40

/* A fragment behind the first must not reach into the TCP header, or it could rewrite what was judged. */
static __always_inline bool fragment_overlaps_header(__u8 protocol, __u32 offset)
{
	return protocol == IPPROTO_TCP && offset < sizeof(struct tcphdr);
}

/* Where the option behind the one at position begins; negative when the one there is invalid or forbidden. Alone, so
 * that the verifier follows one position instead of all that 40 options may lead to.
 */
__verified_alone int next_ipv4_option(struct __sk_buff *skb, __u32 position, __u32 length)
{
	__u8 option[2];

	if (position >= IPV4_MAX_OPTIONS || length > IPV4_MAX_OPTIONS ||
	    bpf_skb_load_bytes(skb, ETH_LENGTH + sizeof(struct iphdr) + position, option, sizeof(option)))
		return -1;
	if (option[0] == IPOPT_END)
		return length;
	if (option[0] == IPOPT_NOOP)
		return position + 1;
	/* Source routes would lead a packet elsewhere than where it was judged to go. */
	if (option[0] == IPOPT_LSRR || option[0] == IPOPT_SSRR || option[1] < 2 || position + option[1] > length)
		return -1;
	return position + option[1];
}

static __always_inline bool ipv4_options_allowed(struct __sk_buff *skb, __u32 length)
{
	__u32 position = 0;

	for (int i = 0; i < IPV4_MAX_OPTIONS && position < length; i++) {
		int next = next_ipv4_option(skb, position, length);

		if (next < 0)
			return false;
		position = next;
	}
	return true;
}

/* Reads and checks the header; 0 or what drop() gives. */
static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	struct iphdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));
	__u32 header_length, total, fragment;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return drop(packet, DROP_INVALID);
	header_length = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (total < header_length || ETH_LENGTH + total > skb->len)
		return drop(packet, DROP_INVALID);
	packet->source.ipv4 = ip->saddr;
	packet->destination.ipv4 = ip->daddr;
	packet->protocol = ip->protocol;
	packet->ttl = ip->ttl;
	packet->l4_offset = ETH_LENGTH + header_length;
	packet->l4_length = total - header_length;
	fragment = bpf_ntohs(ip->frag_off);
	if (unlikely(fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK))) {
		__u32 offset = (fragment & IPV4_OFFSET_MASK) * 8;

		packet->fragment = offset ? FRAGMENT_LATER : FRAGMENT_FIRST;
		packet->fragment_id = bpf_htonl(bpf_ntohs(ip->id));
		if (offset && fragment_overlaps_header(packet->protocol, offset))
			return drop(packet, DROP_CT_INVALID_HEADER);
	}
	if (unlikely(header_length > sizeof(*ip)) && !ipv4_options_allowed(skb, header_length - sizeof(*ip)))
		return drop(packet, DROP_INVALID);
	return 0;
}
