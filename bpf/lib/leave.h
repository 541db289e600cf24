/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Leaving the node past its stack: a pod's packet to the outside goes to the neighbour of the device that the routing
 * table names, if that device masquerades. What does not fit is left to the stack, with the errors that it has to send:
 * no way known, a hop too many, larger than the route's MTU.
 */
#pragma once
#include "../maps/masquerade.h"
#include "../maps/ways.h"
#include "drop.h"
#include "local_delivery.h"
#include "trace.h"

#define LEFT_TO_STACK 0
#define NS_IN_A_SECOND 1000000000ULL
#define ROUTE_FAMILY_IPV4 2	/* AF_INET */
#define ROUTE_FAMILY_IPV6 10	/* AF_INET6 */
#define TCP_MAX_HEADER 60

/* Asks the routing table, as for a packet to be forwarded. */
static __always_inline void find_way(struct __sk_buff *skb, const struct packet *packet, struct way *way, __u32 second)
{
	struct bpf_fib_lookup route = { .ifindex = skb->ifindex, .tot_len = 1 };
	bool ipv4 = packet->family == FAMILY_IPV4;
	__u32 ifindex;

	route.family = ipv4 ? ROUTE_FAMILY_IPV4 : ROUTE_FAMILY_IPV6;
	if (ipv4) {
		route.ipv4_src = packet->source.ipv4;
		route.ipv4_dst = packet->destination.ipv4;
	} else {
		__builtin_memcpy(route.ipv6_src, &packet->source, sizeof(route.ipv6_src));
		__builtin_memcpy(route.ipv6_dst, &packet->destination, sizeof(route.ipv6_dst));
	}
	way->destination = packet->destination;
	way->family = packet->family;
	way->second = second;
	way->ifindex = 0;
	if (bpf_fib_lookup(skb, &route, sizeof(route), BPF_FIB_LOOKUP_SKIP_NEIGH))
		return;
	ifindex = route.ifindex;
	if (!bpf_map_lookup_elem(&cilium_masquerade, &ifindex))
		return;
	way->next_hop_family = route.family;
	__builtin_memcpy(&way->next_hop, route.ipv6_dst, sizeof(way->next_hop));
	way->mtu = route.mtu_result;
	way->ifindex = ifindex;
}

/* NULL: none that we can go. */
static __always_inline const struct way *way_out(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 second = bpf_ktime_get_coarse_ns() / NS_IN_A_SECOND;
	const __u32 *words = packet->destination.words;
	__u32 slot = ((words[0] ^ words[1] ^ words[2] ^ words[3]) * 0x9e3779b1U) >> 24;
	struct way *way = bpf_map_lookup_elem(&cilium_ways, &slot);

	_Static_assert(WAYS == 1 << 8, "slots have 8 bits");
	if (!way)
		return NULL;
	if (unlikely(way->second != second || way->family != packet->family ||
		     !address_equal(&way->destination, &packet->destination, FAMILY_IPV6)))
		find_way(skb, packet, way, second);
	return way->ifindex ? way : NULL;
}

/* Of the IP packet, or of the largest that its segments are cut into. */
static __always_inline __u32 largest_length(struct __sk_buff *skb, const struct packet *packet)
{
	if (skb->gso_size)
		return packet->l4_offset - ETH_LENGTH + TCP_MAX_HEADER + skb->gso_size;
	return skb->len - ETH_LENGTH;
}

/* May it go past the stack? Answers to what came in may not: the stack may have changed that packet's addresses, as those
 * who publish ports do.
 */
static __always_inline bool may_leave(const struct packet *packet, int family)
{
	return enable_host_routing && (family == FAMILY_IPV4 ? enable_ipv4_masquerade : enable_ipv6_masquerade) &&
	       packet->route == CT_ROUTE_STACK && packet->destination_identity != IDENTITY_HOST && !packet->by_stack &&
	       (packet->reason == TRACE_REASON_NEW || packet->reason == TRACE_REASON_ESTABLISHED);
}

/* A TC action, LEFT_TO_STACK with the packet untouched, or what drop() gives. */
__verified_alone int leave_node(struct __sk_buff *skb, struct packet *packet)
{
	struct bpf_redir_neigh next_hop = {};
	const struct way *way;
	int verdict;

	if (!packet)
		return LEFT_TO_STACK;
	way = way_out(skb, packet);
	if (!way || packet->ttl <= 1 || largest_length(skb, packet) > way->mtu)
		return LEFT_TO_STACK;
	verdict = packet->family == FAMILY_IPV4 ? decrement_ipv4(skb, packet) : decrement_ipv6(skb, packet);
	if (verdict)
		return verdict;
	next_hop.nh_family = way->next_hop_family;
	__builtin_memcpy(next_hop.ipv6_nh, &way->next_hop, sizeof(next_hop.ipv6_nh));
	trace(skb, packet, TRACE_TO_NETWORK, 0, way->ifindex);
	skb->mark = 0;
	return bpf_redirect_neigh(way->ifindex, &next_hop, sizeof(next_hop), 0);
}
