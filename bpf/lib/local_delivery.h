/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The last steps to a pod of this node. */
#pragma once
#include "call.h"
#include "drop.h"
#include "endpoint.h"
#include "eth.h"
#include "ipvlan.h"
#include "mark.h"

static __always_inline int decrement_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	struct iphdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));
	__u32 checksum;

	if (!ip)
		return drop(packet, DROP_INVALID);
	checksum = ip->check + (__u32)bpf_htons(0x0100);
	ip->check = checksum + (checksum >= 0xffff);
	ip->ttl--;
	return 0;
}

/* The header has no checksum, but the card's sum over the packet, if there is one, must follow. */
static __always_inline int decrement_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6hdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));

	if (!ip)
		return drop(packet, DROP_INVALID);
	ip->hop_limit--;
	bpf_csum_update(skb, ~(__u32)bpf_htons(1));
	return 0;
}

/* 0 or what drop() gives. */
static __always_inline int write_macs(struct __sk_buff *skb, struct packet *packet, const void *destination,
				      const void *source)
{
	struct ethhdr *eth = packet_bytes(skb, 0, sizeof(*eth));

	if (!eth)
		return drop(packet, DROP_INVALID);
	mac_copy(eth->h_dest, destination);
	mac_copy(eth->h_source, source);
	return 0;
}

/* To the egress of the endpoint's device, where it is judged: its qdiscs count there. */
static __always_inline int send_by_device(struct __sk_buff *skb, struct packet *packet,
					  const struct endpoint_config *endpoint)
{
	int verdict = write_macs(skb, packet, endpoint->mac, endpoint->node_mac);

	if (verdict)
		return verdict;
	set_mark(skb, MARK_IDENTITY, packet->source_identity);
	return bpf_redirect(endpoint->ifindex, 0);
}

/* Rewrites TTL and MAC addresses and hands the packet to the pod; a TC action or what drop() gives. */
static __always_inline int deliver(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint,
				   bool at_ingress, int family)
{
	int verdict;

	if (endpoint->flags & ENDPOINT_NEIGHBORS_PASS)
		return TC_ACT_OK;
	if (packet->ttl <= 1)
		return drop(packet, DROP_TTL_EXCEEDED);
	verdict = family == FAMILY_IPV4 ? decrement_ipv4(skb, packet) : decrement_ipv6(skb, packet);
	if (verdict)
		return verdict;
	if (is_ipvlan(endpoint))
		return deliver_by_master(skb);
	verdict = write_macs(skb, packet, endpoint->mac, endpoint->node_mac);
	if (verdict)
		return verdict;
	/* Past the egress hook of the device: we have judged the packet already. */
	return at_ingress ? bpf_redirect_peer(endpoint->ifindex, 0) : TC_ACT_OK;
}
