/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Receiving the tunnel over an IPv4 underlay without the stack and the tunnel device: they route, allocate and queue each packet
 * once more. Only what is beyond doubt is taken. The rest is left to the device, with its checks and its reasons to drop:
 * senders that are no nodes, fragments, options, UDP checksums, marks of congestion, merged segments, packets for the
 * host, inner addresses that do not belong where they are.
 */
#pragma once
#include "../maps/nodes.h"
#include "config.h"
#include "endpoint.h"
#include "ipcache.h"
#include "tunnel_header.h"

#define IPV4_OFFSET_AND_MORE 0x3fff
/* Since Linux 6.3; earlier ones refuse it, and the device gets the packet. */
#define ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)

#define INNER_IP (ETH_LENGTH + TUNNEL4_ROOM)

struct inner_frame {
	__be16 protocol;	/* of its Ethernet header */
	__u8 pad[2];
};

/* Does the header's checksum hold? */
static __always_inline bool is_intact(const struct iphdr *ip)
{
	const __u16 *words = (const void *)ip;
	__u32 sum = 0;

	for (__u32 i = 0; i < sizeof(*ip) / sizeof(*words); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* length: of the IP packet, as it arrived. */
static __always_inline bool is_plain_tunnel(const struct tunnel4_headers *headers, __u32 length)
{
	const struct iphdr *ip = &headers->ip;
	const struct udphdr *udp = &headers->udp;

	return ip->version == 4 && ip->ihl == 5 && ip->protocol == IPPROTO_UDP && udp->dest == bpf_htons(tunnel_port) &&
	       ip->daddr == tunnel_ipv4 && !(ip->frag_off & bpf_htons(IPV4_OFFSET_AND_MORE)) &&
	       (ip->tos & ECN_MASK) != ECN_CE && bpf_ntohs(ip->tot_len) == length &&
	       bpf_ntohs(udp->len) == length - sizeof(*ip) && !udp->check &&
	       headers->kind == tunnel_header() && !(headers->vni & bpf_htonl(VNI_RESERVED)) && is_intact(ip);
}

static __always_inline bool is_node(__be32 address)
{
	struct node_key node = { .family = FAMILY_IPV4, .address.ipv4 = address };

	return bpf_map_lookup_elem(&cilium_node_map_v2, &node) != NULL;
}

/* Fills the packet's family and source identity, by what the tunnel says, and its peer endpoint: the pod that the inner
 * packet is for; 0: none of this node, or the source is of this node too.
 */
static __always_inline void find_inner_ends(struct __sk_buff *skb, struct packet *packet, __u32 identity, int family)
{
	union ip_address source = {}, destination = {};
	const struct endpoint_info *info;

	if (family == FAMILY_IPV4) {
		const struct iphdr *ip = packet_bytes(skb, INNER_IP, sizeof(*ip));

		if (!ip)
			return;
		source.ipv4 = ip->saddr;
		destination.ipv4 = ip->daddr;
	} else {
		const struct ipv6hdr *ip = packet_bytes(skb, INNER_IP, sizeof(*ip));

		if (!ip)
			return;
		__builtin_memcpy(&source, &ip->saddr, sizeof(source));
		__builtin_memcpy(&destination, &ip->daddr, sizeof(destination));
	}
	info = endpoint_by_address(&destination, family);
	if (!info || (info->flags & ENDPOINT_F_HOST) || endpoint_by_address(&source, family))
		return;
	packet->family = family;
	packet->source_identity = tunnel_identity(identity, &source, family);
	packet->peer_endpoint = info->endpoint_id;
}

/* The headers of a plain tunnel packet; NULL: it is none. */
static __always_inline const struct tunnel4_headers *tunnel_headers(struct __sk_buff *skb)
{
	const struct tunnel4_headers *headers;
	void *frame;

	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->pkt_type != PACKET_HOST || skb->vlan_present || skb->gso_size)
		return NULL;
	frame = packet_bytes(skb, 0, INNER_IP);
	if (!frame)
		return NULL;
	headers = frame + ETH_LENGTH;
	return is_plain_tunnel(headers, skb->len - ETH_LENGTH) ? headers : NULL;
}

/* Is it a tunnel packet that we take? Fills inner, and what find_inner_ends() does. */
static __always_inline bool find_inner_frame(struct __sk_buff *skb, struct packet *packet,
					     const struct tunnel4_headers *headers, struct inner_frame *inner)
{
	__u32 identity = bpf_ntohl(headers->vni) >> 8;

	inner->protocol = ((const struct ethhdr *)(headers + 1))->h_proto;
	if (!identity || !is_node(headers->ip.saddr))
		return false;
	if (inner->protocol == bpf_htons(ETH_P_IP) && enable_ipv4)
		find_inner_ends(skb, packet, identity, FAMILY_IPV4);
	else if (inner->protocol == bpf_htons(ETH_P_IPV6) && enable_ipv6)
		find_inner_ends(skb, packet, identity, FAMILY_IPV6);
	return packet->peer_endpoint != 0;
}

/* Leaves the outer Ethernet header in front of the inner packet. False: nothing has changed. */
static __always_inline bool remove_tunnel_headers(struct __sk_buff *skb, const struct inner_frame *inner)
{
	__u64 flags = inner->protocol == bpf_htons(ETH_P_IPV6) ? ADJ_ROOM_DECAP_L3_IPV6 : 0;

	return !bpf_skb_adjust_room(skb, -(__s32)TUNNEL4_ROOM, BPF_ADJ_ROOM_MAC, flags);
}
