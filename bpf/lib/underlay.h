/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The tunnel over an IPv4 underlay without the tunnel device: that one allocates and asks the routing table for each packet.
 * What does not fit here is left to the device: no way known, larger than the route's MTU, encapsulated already, and
 * segments to be cut, whose cost the device shares out among them (and which the kernel would check again after us).
 */
#pragma once
#include "../maps/underlay.h"
#include "config.h"
#include "drop.h"
#include "route.h"
#include "tunnel_header.h"

#define TUNNEL_TTL 64
#define LEFT_TO_DEVICE 0
#define IPV4_DONT_FRAGMENT 0x4000
/* The ranges of the kernel's devices, and their way to pick one: packets of a flow have one source port, whoever sends
 * them.
 */
#define VXLAN_PORT_FIRST 32768
#define VXLAN_PORTS 28231
#define GENEVE_PORT_FIRST 1
#define GENEVE_PORTS 65534

/* Asks the routing table. */
static __always_inline void find_way4(struct __sk_buff *skb, struct underlay4_way *way, __be32 node, __u32 second)
{
	struct bpf_fib_lookup route = { .family = ROUTE_FAMILY_IPV4, .ifindex = skb->ifindex, .ipv4_dst = node, .tot_len = 1 };
	long error = bpf_fib_lookup(skb, &route, sizeof(route), BPF_FIB_LOOKUP_SKIP_NEIGH | BPF_FIB_LOOKUP_SRC);

	way->node = node;
	way->second = second;
	way->ifindex = error || route.family != ROUTE_FAMILY_IPV4 ? 0 : route.ifindex;
	way->source = route.ipv4_src;
	way->next_hop = route.ipv4_dst;
	way->mtu = route.mtu_result;
}

/* NULL: none that we can go. Who judged the packet knows what time it is. */
static __always_inline const struct underlay4_way *way_to(struct __sk_buff *skb, const struct packet *packet, __be32 node)
{
	__u32 second = packet->now ? packet->now : bpf_ktime_get_coarse_ns() / NS_PER_SECOND;
	__u32 slot = bpf_ntohl(node) % UNDERLAY_WAYS;
	struct underlay4_way *way = bpf_map_lookup_elem(&cilium_underlay4, &slot);

	if (!way)
		return NULL;
	if (unlikely(way->node != node || way->second != second))
		find_way4(skb, way, node, second);
	return way->ifindex ? way : NULL;
}

/* RFC 6040: the outer header says what the inner one says, but for "congestion experienced". */
static __always_inline __u8 outer_ecn(struct __sk_buff *skb, int family)
{
	__u8 *ip = packet_bytes(skb, ETH_LENGTH, sizeof(struct iphdr));
	__u8 ecn;

	if (!ip)
		return 0;
	ecn = (family == FAMILY_IPV4 ? ip[1] : ip[1] >> 4) & ECN_MASK;
	return ecn == ECN_CE ? ECN_ECT0 : ecn;
}

static __always_inline void write_ipv4(struct iphdr *ip, const struct underlay4_way *way, __be32 node, __u32 length,
				       __u8 ecn)
{
	__u32 sum;

	ip->version = 4;
	ip->ihl = 5;
	ip->tos = ecn;
	ip->tot_len = bpf_htons(length);
	ip->id = 0;
	ip->frag_off = bpf_htons(IPV4_DONT_FRAGMENT);
	ip->ttl = TUNNEL_TTL;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = way->source;
	ip->daddr = node;
	sum = bpf_htons(0x4500 | ecn) + bpf_htons(length) + bpf_htons(IPV4_DONT_FRAGMENT) +
	      bpf_htons(TUNNEL_TTL << 8 | IPPROTO_UDP) + (way->source & 0xffff) + (way->source >> 16) + (node & 0xffff) +
	      (node >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~sum;
}

static __always_inline __be16 source_port_of(__u32 hash)
{
	__u64 scattered = (__u32)(hash ^ (hash << 16));

	if (tunnel_is_geneve)
		return bpf_htons(GENEVE_PORT_FIRST + (scattered * GENEVE_PORTS >> 32));
	return bpf_htons(VXLAN_PORT_FIRST + (scattered * VXLAN_PORTS >> 32));
}

/* A TC action, LEFT_TO_DEVICE with the packet untouched, or what drop() gives. */
static __always_inline int encapsulate_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	__be32 node = packet->tunnel_endpoint.ipv4;
	const struct underlay4_way *way = way_to(skb, packet, node);
	__u32 length = skb->len - ETH_LENGTH + TUNNEL4_ROOM, hash;
	struct bpf_redir_neigh next_hop = { .nh_family = ROUTE_FAMILY_IPV4 };
	struct tunnel4_headers *headers;
	struct ethhdr *eth;
	__u8 ecn;

	if (!way || skb->gso_size || length > way->mtu)
		return LEFT_TO_DEVICE;
	ecn = outer_ecn(skb, packet->family);
	hash = bpf_get_hash_recalc(skb);
	if (bpf_skb_adjust_room(skb, TUNNEL4_ROOM, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
				BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(ETH_LENGTH) |
				BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return LEFT_TO_DEVICE;
	eth = packet_bytes(skb, 0, ETH_LENGTH + TUNNEL4_ROOM);
	if (!eth)
		return drop(packet, DROP_WRITE_ERROR);
	headers = (void *)(eth + 1);
	*(struct ethhdr *)(headers + 1) = *eth;
	eth->h_proto = bpf_htons(ETH_P_IP);
	write_ipv4(&headers->ip, way, node, length, ecn);
	headers->udp.source = source_port_of(hash);
	headers->udp.dest = bpf_htons(tunnel_port);
	headers->udp.len = bpf_htons(length - sizeof(struct iphdr));
	headers->udp.check = 0;
	headers->kind = tunnel_header();
	headers->vni = bpf_htonl(packet->source_identity << 8);
	skb->mark = 0;
	next_hop.ipv4_nh = way->next_hop;
	return bpf_redirect_neigh(way->ifindex, &next_hop, sizeof(next_hop), 0);
}
