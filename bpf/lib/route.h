/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Questions to the routing table. */
#pragma once
#include "packet.h"

#define ROUTE_FAMILY_IPV4 2	/* AF_INET */
#define ROUTE_FAMILY_IPV6 10	/* AF_INET6 */

/* Asks where a packet that came in by its device is forwarded to, whatever its length, and with flags 0 for the MAC
 * addresses too: what bpf_fib_lookup() says. route is zero before.
 */
static __always_inline long ask_way(struct __sk_buff *skb, const struct packet *packet, struct bpf_fib_lookup *route,
				    __u32 flags, int family)
{
	route->ifindex = skb->ifindex;
	if (family == FAMILY_IPV4) {
		route->family = ROUTE_FAMILY_IPV4;
		route->ipv4_src = packet->source.ipv4;
		route->ipv4_dst = packet->destination.ipv4;
	} else {
		route->family = ROUTE_FAMILY_IPV6;
		__builtin_memcpy(route->ipv6_src, &packet->source, sizeof(route->ipv6_src));
		__builtin_memcpy(route->ipv6_dst, &packet->destination, sizeof(route->ipv6_dst));
	}
	return bpf_fib_lookup(skb, route, sizeof(*route), flags);
}

/* The same, without MAC addresses. */
static __always_inline long ask_route(struct __sk_buff *skb, const struct packet *packet, struct bpf_fib_lookup *route,
				      int family)
{
	return ask_way(skb, packet, route, BPF_FIB_LOOKUP_SKIP_NEIGH, family);
}
