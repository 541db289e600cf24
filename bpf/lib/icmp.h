/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ICMP errors: which flow is the packet of that they quote? */
#pragma once
#include "drop.h"
#include "l4.h"

/* A flow as its endpoint sees it. */
struct flow {
	union ip_address local __in_words;
	union ip_address remote __in_words;
	__be16 local_port;
	__be16 remote_port;
	__u8 protocol;
	__u8 pad[3];
};

#define ICMP_HEADER 8

/* Counts an ICMP error that says "too big". */
static __always_inline void count_mtu_error(struct __sk_buff *skb, const struct packet *packet, int family)
{
	__u8 code;

	if (family == FAMILY_IPV4) {
		if (packet->icmp_type != ICMP_DEST_UNREACH || bpf_skb_load_bytes(skb, packet->l4_offset + 1, &code, 1) ||
		    code != ICMP_FRAG_NEEDED)
			return;
	} else if (packet->icmp_type != ICMPV6_PKT_TOOBIG) {
		return;
	}
	count_packet(skb, REASON_MTU_ERROR, packet->direction, __LINE__, THIS_FILE);
}

/* Reads the quoted IP header: addresses as sent, protocol, where L4 begins. False: no flow to be found in it. */
static __always_inline bool parse_quoted_ip(struct __sk_buff *skb, const struct packet *packet, struct flow *quoted,
					    __u32 *l4_offset, int family)
{
	__u32 offset = packet->l4_offset + ICMP_HEADER;

	if (family == FAMILY_IPV4) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
		    (ip.frag_off & bpf_htons(IPV4_OFFSET_MASK)))
			return false;
		quoted->local.ipv4 = ip.saddr;
		quoted->remote.ipv4 = ip.daddr;
		quoted->protocol = ip.protocol;
		*l4_offset = offset + ip.ihl * 4;
	} else {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 6)
			return false;
		__builtin_memcpy(&quoted->local, &ip.saddr, sizeof(quoted->local));
		__builtin_memcpy(&quoted->remote, &ip.daddr, sizeof(quoted->remote));
		quoted->protocol = ip.nexthdr;
		*l4_offset = offset + sizeof(ip);
		if (quoted->protocol == NEXTHDR_FRAGMENT) {
			struct extension extension;

			if (bpf_skb_load_bytes(skb, *l4_offset, &extension, sizeof(extension)) ||
			    (extension.offset & bpf_htons(0xfff8)))
				return false;
			quoted->protocol = extension.next;
			*l4_offset += sizeof(extension);
		}
	}
	return true;
}

/* Reads the quoted ports or echo identifier. */
static __always_inline bool parse_quoted_l4(struct __sk_buff *skb, const struct packet *packet, struct flow *quoted,
					    __u32 l4_offset, int family)
{
	struct l4_start start;
	__u8 kind;

	if (l4_offset + sizeof(start) > packet->l4_offset + packet->l4_length ||
	    bpf_skb_load_bytes(skb, l4_offset, &start, sizeof(start)))
		return false;
	if (quoted->protocol != (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		quoted->local_port = start.ports.source;
		quoted->remote_port = start.ports.destination;
		return true;
	}
	kind = family == FAMILY_IPV4 ? icmp4_kind(start.icmp.type) : icmp6_kind(start.icmp.type);
	quoted->local_port = kind == KIND_REQUEST ? start.icmp_id : 0;
	quoted->remote_port = kind == KIND_REPLY ? start.icmp_id : 0;
	return kind == KIND_REQUEST || kind == KIND_REPLY;
}

enum quote_result {
	QUOTE_OF_NO_FLOW = 0,
	QUOTE_BY_ROUTER = 1,
	QUOTE_BY_PEER = 2,	/* the flow's own other end says it */
};

/* Fills flow from what an ICMP error quotes. An error to the endpoint must quote what the endpoint sent, one from it what
 * it was sent; a quote of anything else belongs to no flow of this endpoint.
 */
__verified_alone int read_quote(struct __sk_buff *skb, const struct packet *packet, struct flow *flow, int family)
{
	struct flow sent = {};
	__u32 l4_offset;

	if (!packet || !flow)
		return QUOTE_OF_NO_FLOW;
	count_mtu_error(skb, packet, family);
	if (!parse_quoted_ip(skb, packet, &sent, &l4_offset, family) ||
	    !parse_quoted_l4(skb, packet, &sent, l4_offset, family))
		return QUOTE_OF_NO_FLOW;
	if (packet->direction == DIRECTION_INGRESS) {
		*flow = sent;
		if (!address_equal(&sent.local, &packet->destination, family))
			return QUOTE_OF_NO_FLOW;
		return address_equal(&sent.remote, &packet->source, family) ? QUOTE_BY_PEER : QUOTE_BY_ROUTER;
	}
	flow->local = sent.remote;
	flow->remote = sent.local;
	flow->local_port = sent.remote_port;
	flow->remote_port = sent.local_port;
	flow->protocol = sent.protocol;
	if (!address_equal(&sent.remote, &packet->source, family) ||
	    !address_equal(&sent.local, &packet->destination, family))
		return QUOTE_OF_NO_FLOW;
	return QUOTE_BY_PEER;
}
