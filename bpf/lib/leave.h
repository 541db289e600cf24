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
#include "nat.h"
#include "nat_rewrite.h"
#include "route.h"
#include "trace.h"

#define LEFT_TO_STACK 0
#define TCP_MAX_HEADER 60
#define TCP_DATA_OFFSET 12	/* the byte whose upper half is the header's length in words */

/* Asks the routing table, as for a packet to be forwarded, and for the MAC address of the next hop. */
static __always_inline void find_way(struct __sk_buff *skb, const struct packet *packet, struct way *way)
{
	struct bpf_fib_lookup route = { .tot_len = 1 };
	const struct masquerade_device *device;
	__u32 ifindex;
	long found;

	way->destination = packet->destination;
	way->family = packet->family;
	way->endpoint = packet->endpoint;
	way->second = packet->now;
	way->ifindex = 0;
	found = ask_way(skb, packet, &route, 0, packet->family);
	way->has_neighbor = !found;
	if (found == BPF_FIB_LKUP_RET_NO_NEIGH) {
		/* That leaves the MTU out. */
		__builtin_memset(&route, 0, sizeof(route));
		route.tot_len = 1;
		found = ask_route(skb, packet, &route, packet->family);
	}
	if (found)
		return;
	ifindex = route.ifindex;
	device = bpf_map_lookup_elem(&cilium_masquerade, &ifindex);
	if (!device)
		return;
	way->address = packet->family == FAMILY_IPV4 ? device->ipv4 : device->ipv6;
	way->next_hop_family = route.family;
	__builtin_memcpy(&way->next_hop, route.ipv6_dst, sizeof(way->next_hop));
	way->mtu = route.mtu_result;
	mac_copy(way->destination_mac, route.dmac);
	mac_copy(way->source_mac, route.smac);
	way->ifindex = ifindex;
}

static __always_inline __u32 way_slot(const struct packet *packet)
{
	const __u32 *words = packet->destination.words;

	_Static_assert(WAYS == 1 << 8, "slots have 8 bits");
	return ((words[0] ^ words[1] ^ words[2] ^ words[3] ^ packet->endpoint) * 0x9e3779b1U) >> 24;
}

/* NULL: none that we can go. *asked: the routing table was asked for this packet. */
static __always_inline const struct way *way_out(struct __sk_buff *skb, const struct packet *packet, bool *asked)
{
	__u32 slot = way_slot(packet);
	struct way *way = bpf_map_lookup_elem(&cilium_ways, &slot);

	if (!way)
		return NULL;
	*asked = way->second != packet->now || way->endpoint != packet->endpoint || way->family != packet->family ||
		 !address_equal(&way->destination, &packet->destination, FAMILY_IPV6);
	if (unlikely(*asked))
		find_way(skb, packet, way);
	return way->ifindex ? way : NULL;
}

/* Looks for the entry for the answers of a connection that the packet opens, where it most likely is, so that the processor
 * fetches it while it waits for the flow's conntrack entry: both are far from the cache.
 */
static __always_inline void warm_answers(const struct packet *packet, int family)
{
	__u32 slot = way_slot(packet);
	const struct way *way = bpf_map_lookup_elem(&cilium_ways, &slot);
	union ip_address address __in_words;
	union ct_key key;
	void *entry;

	if (!way || !way->ifindex)
		return;
	address = way->address;
	fill_nat_key(&key, &packet->destination, &address,
		     packet->destination_port | (__u32)packet->source_port << 16, packet->protocol, NAT_IN, family);
	entry = nat_find(&key, family);
	/* Else the compiler leaves the look-up out. */
	asm volatile("" : : "r"(entry));
}

/* Of the L4 header of segments. What is none of TCP may be a tunnel, whose inner headers count as well. */
static __always_inline __u32 segment_header(struct __sk_buff *skb, const struct packet *packet)
{
	__u8 words;

	if (packet->protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, packet->l4_offset + TCP_DATA_OFFSET, &words, 1))
		return TCP_MAX_HEADER;
	return (words >> 4) * 4;
}

/* Of the IP packet, or of the largest that its segments are cut into. */
static __always_inline __u32 largest_length(struct __sk_buff *skb, const struct packet *packet)
{
	if (skb->gso_size)
		return packet->l4_offset - ETH_LENGTH + segment_header(skb, packet) + skb->gso_size;
	return skb->len - ETH_LENGTH;
}

/* May it go past the stack? Answers to what came in may not: the stack may have changed that packet's addresses, as those
 * who publish ports do.
 */
static __always_inline bool may_leave(const struct packet *packet, int family)
{
	return masquerades_past_stack(family) && packet->route == CT_ROUTE_STACK &&
	       packet->destination_identity != IDENTITY_HOST && !packet->by_stack &&
	       (packet->reason == TRACE_REASON_NEW || packet->reason == TRACE_REASON_ESTABLISHED ||
		packet->reason == TRACE_REASON_REOPENED);
}

/* Through the kernel's neighbours, which ask for an address that they do not know, or have not seen for long. */
static __always_inline int send_to_neighbor(const struct way *way)
{
	struct bpf_redir_neigh next_hop = { .nh_family = way->next_hop_family };

	__builtin_memcpy(next_hop.ipv6_nh, &way->next_hop, sizeof(next_hop.ipv6_nh));
	return bpf_redirect_neigh(way->ifindex, &next_hop, sizeof(next_hop), 0);
}

/* To the next hop's MAC address as it was when the routing table was asked. */
static __always_inline int send_to_mac(struct __sk_buff *skb, struct packet *packet, const struct way *way)
{
	int verdict = write_macs(skb, packet, way->destination_mac, way->source_mac);

	return verdict ? verdict : bpf_redirect(way->ifindex, 0);
}

/* A known flow's packet gets its address and port here, where they are at hand; for all others cil_to_netdev finds them.
 * 0 or what drop() gives.
 */
static __always_inline int translate(struct __sk_buff *skb, struct packet *packet, const struct way *way)
{
	struct nat_entry outside = {};

	skb->mark = 0;
	if (!packet->nat_port || packet->fragment ||
	    !address_equal(&packet->tunnel_endpoint, &way->address, FAMILY_IPV6))
		return 0;
	outside.address = packet->tunnel_endpoint;
	outside.port = packet->nat_port;
	skb->mark = MARK_TRANSLATED;
	return nat_write_in_place(skb, packet, &outside, true, packet->family);
}

/* A TC action, LEFT_TO_STACK with the packet untouched, or what drop() gives. */
__verified_alone int leave_node(struct __sk_buff *skb, struct packet *packet)
{
	const struct way *way;
	bool asked;
	int verdict;

	if (!packet)
		return LEFT_TO_STACK;
	way = way_out(skb, packet, &asked);
	if (!way || packet->ttl <= 1 || largest_length(skb, packet) > way->mtu)
		return LEFT_TO_STACK;
	verdict = packet->family == FAMILY_IPV4 ? decrement_ipv4(skb, packet) : decrement_ipv6(skb, packet);
	if (verdict)
		return verdict;
	trace(skb, packet, TRACE_TO_NETWORK, 0, way->ifindex);
	verdict = translate(skb, packet, way);
	if (verdict)
		return verdict;
	return asked || !way->has_neighbor ? send_to_neighbor(way) : send_to_mac(skb, packet, way);
}
