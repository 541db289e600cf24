/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A pod's ARP: answered, or let pass where another plugin made its network. */
#pragma once
#include "drop.h"
#include "endpoint.h"
#include "eth.h"

#define ARP_REQUEST 1
#define ARP_REPLY 2

struct arp_frame {
	struct ethhdr eth;
	__be16 hardware_type;
	__be16 protocol_type;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__be32 sender;
	__u8 target_mac[6];
	__be32 target;
} __attribute__((packed));

/* Reads it; 0 when it is about IPv4 on Ethernet and says nothing of somebody else, or what drop() gives. */
static __always_inline int read_arp(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint,
				    struct arp_frame *frame)
{
	if (!packet || !endpoint)
		return -DROP_INVALID;
	if (bpf_skb_load_bytes(skb, 0, frame, sizeof(*frame)))
		return drop(packet, DROP_INVALID);
	if (frame->hardware_type != bpf_htons(1) || frame->protocol_type != bpf_htons(ETH_P_IP) ||
	    frame->hardware_length != 6 || frame->protocol_length != 4)
		return drop(packet, DROP_INVALID);
	if (!mac_equal(frame->sender_mac, endpoint->mac))
		return drop(packet, DROP_INVALID_SMAC);
	return 0;
}

/* Where others answer: who asks whether its address is taken has none yet. 0 or what drop() gives. */
__verified_alone int pass_arp(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint)
{
	struct arp_frame frame;
	int verdict = read_arp(skb, packet, endpoint, &frame);

	if (verdict)
		return verdict;
	if (!endpoint->ipv4 || (frame.sender && frame.sender != endpoint->ipv4))
		return drop(packet, DROP_INVALID_SIP);
	return TC_ACT_OK;
}

/* Every address but the pod's own is behind the node. A TC action or what drop() gives. */
__verified_alone int answer_arp(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint)
{
	struct arp_frame frame;
	__be32 target;
	int verdict = read_arp(skb, packet, endpoint, &frame);

	if (verdict)
		return verdict;
	if (frame.operation != bpf_htons(ARP_REQUEST))
		return drop(packet, DROP_INVALID);
	if (!endpoint->ipv4 || frame.sender != endpoint->ipv4)
		return drop(packet, DROP_INVALID_SIP);
	target = frame.target;
	if (target == endpoint->ipv4)
		return drop(packet, DROP_INVALID);

	mac_copy(frame.eth.h_dest, endpoint->mac);
	mac_copy(frame.eth.h_source, endpoint->node_mac);
	frame.operation = bpf_htons(ARP_REPLY);
	mac_copy(frame.target_mac, endpoint->mac);
	mac_copy(frame.sender_mac, endpoint->node_mac);
	frame.target = frame.sender;
	frame.sender = target;
	if (bpf_skb_store_bytes(skb, 0, &frame, sizeof(frame), 0))
		return drop(packet, DROP_WRITE_ERROR);
	return bpf_redirect_peer(endpoint->ifindex, 0);
}
