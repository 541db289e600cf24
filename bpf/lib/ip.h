/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Both IP versions behind one name; family is a constant wherever these are called. */
#pragma once
#include "ipv4.h"
#include "ipv6.h"
#include "l4.h"

static __always_inline int parse_headers(struct __sk_buff *skb, struct packet *packet, int family)
{
	int verdict;

	packet->family = family;
	verdict = family == FAMILY_IPV4 ? parse_ipv4(skb, packet) : parse_ipv6(skb, packet);
	return verdict ? verdict : parse_l4(skb, packet, family);
}

__verified_alone int parse_ipv4_headers(struct __sk_buff *skb, struct packet *packet)
{
	return packet ? parse_headers(skb, packet, FAMILY_IPV4) : -DROP_INVALID;
}

__verified_alone int parse_ipv6_headers(struct __sk_buff *skb, struct packet *packet)
{
	return packet ? parse_headers(skb, packet, FAMILY_IPV6) : -DROP_INVALID;
}

/* Reads and checks everything up to the L4 header; 0 or what drop() gives. */
static __always_inline int parse_packet(struct __sk_buff *skb, struct packet *packet, int family)
{
	return family == FAMILY_IPV4 ? parse_ipv4_headers(skb, packet) : parse_ipv6_headers(skb, packet);
}

/* The addresses alone, for programs that do not judge the rest; false: the packet is too short. */
static __always_inline bool parse_addresses(struct __sk_buff *skb, struct packet *packet, int family)
{
	if (family == FAMILY_IPV4) {
		struct iphdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));

		if (!ip)
			return false;
		packet->source.ipv4 = ip->saddr;
		packet->destination.ipv4 = ip->daddr;
	} else {
		struct ipv6hdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));

		if (!ip)
			return false;
		read_ipv6_address(&packet->source, &ip->saddr);
		read_ipv6_address(&packet->destination, &ip->daddr);
	}
	return true;
}
