/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* L4 headers: ports, TCP flags, kinds of ICMP. */
#pragma once
#include "drop.h"
#include "ipv6.h"

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16
#define SCTP_HEADER 12
#define MAX_L4_OFFSET 16384

/* First 8 bytes of every L4 header that we know, as far as we read them. */
struct l4_start {
	union {
		struct {
			__be16 source;
			__be16 destination;
		} ports;
		struct {
			__u8 type;
			__u8 code;
			__be16 checksum;
		} icmp;
	};
	__be16 icmp_id;
	__be16 rest;
};

/* The first packet of a TCP connection. */
static __always_inline bool opens_connection(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline int parse_tcp(struct __sk_buff *skb, struct packet *packet)
{
	struct tcphdr *tcp = packet_bytes(skb, packet->l4_offset, sizeof(*tcp));

	if (!tcp)
		return drop(packet, DROP_CT_INVALID_HEADER);
	if (tcp->doff < 5 || tcp->doff * 4 > packet->l4_length)
		return drop(packet, DROP_CT_INVALID_HEADER);
	packet->source_port = tcp->source;
	packet->destination_port = tcp->dest;
	packet->tcp_flags = ((__u8 *)tcp)[13];
	if ((packet->tcp_flags & TCP_SYN) && (packet->tcp_flags & (TCP_FIN | TCP_RST)))
		return drop(packet, DROP_INVALID);
	return 0;
}

static __always_inline int parse_ports(struct __sk_buff *skb, struct packet *packet)
{
	struct l4_start *start = packet_bytes(skb, packet->l4_offset, sizeof(*start));

	if (!start)
		return drop(packet, DROP_CT_INVALID_HEADER);
	packet->source_port = start->ports.source;
	packet->destination_port = start->ports.destination;
	return 0;
}

static __always_inline __u8 icmp4_kind(__u8 type)
{
	switch (type) {
	case ICMP_ECHO:
		return KIND_REQUEST;
	case ICMP_ECHOREPLY:
		return KIND_REPLY;
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return KIND_ERROR;
	default:
		return KIND_NO_ICMP;
	}
}

static __always_inline __u8 icmp6_kind(__u8 type)
{
	if (type == ICMPV6_ECHO_REQUEST)
		return KIND_REQUEST;
	if (type == ICMPV6_ECHO_REPLY)
		return KIND_REPLY;
	if (type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB)
		return KIND_ERROR;
	/* MLD 130-132, neighbour discovery 133-137, MLDv2 reports 143. */
	if ((type >= 130 && type <= 137) || type == 143)
		return KIND_NEIGHBOR;
	return KIND_NO_ICMP;
}

static __always_inline int parse_icmp(struct __sk_buff *skb, struct packet *packet, int family)
{
	struct l4_start *start = packet_bytes(skb, packet->l4_offset, sizeof(*start));

	if (!start)
		return drop(packet, DROP_CT_INVALID_HEADER);
	packet->icmp_type = start->icmp.type;
	packet->icmp_kind = family == FAMILY_IPV4 ? icmp4_kind(start->icmp.type) : icmp6_kind(start->icmp.type);
	if (packet->icmp_kind == KIND_REQUEST)
		packet->source_port = start->icmp_id;
	else if (packet->icmp_kind == KIND_REPLY)
		packet->destination_port = start->icmp_id;
	else if (packet->icmp_kind == KIND_NO_ICMP)
		return drop(packet, family == FAMILY_IPV4 ? DROP_UNKNOWN_ICMP4_TYPE : DROP_UNKNOWN_ICMP6_TYPE);
	return 0;
}

static __always_inline __u32 l4_header_length(__u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		return sizeof(struct tcphdr);
	return protocol == IPPROTO_SCTP ? SCTP_HEADER : sizeof(struct l4_start);
}

/* Reads the L4 header of anything but a later fragment; 0 or what drop() gives. */
static __always_inline int parse_l4(struct __sk_buff *skb, struct packet *packet, int family)
{
	__u8 protocol = packet->protocol;

	if (packet->fragment == FRAGMENT_LATER)
		return 0;
	if (packet->l4_length < l4_header_length(protocol) || packet->l4_offset > MAX_L4_OFFSET)
		return drop(packet, protocol == NEXTHDR_NONE ? DROP_UNKNOWN_L4 : DROP_CT_INVALID_HEADER);
	if (protocol == IPPROTO_TCP)
		return parse_tcp(skb, packet);
	if (protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP)
		return parse_ports(skb, packet);
	if (protocol == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return parse_icmp(skb, packet, family);
	if (protocol == NEXTHDR_ESP || protocol == NEXTHDR_NONE)
		return drop(packet, DROP_UNKNOWN_L4);
	return drop(packet, DROP_CT_UNKNOWN_PROTO);
}

/* The number that policy entries have as port: of the packet's destination or, for a reply, of what it answers. */
static __always_inline __be16 policy_port(const struct packet *packet, bool is_reply, int family)
{
	if (!packet->icmp_kind)
		return is_reply ? packet->source_port : packet->destination_port;
	if (is_reply && packet->icmp_kind == KIND_REPLY)
		return bpf_htons(family == FAMILY_IPV4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST);
	return bpf_htons(packet->icmp_type);
}
