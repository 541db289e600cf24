/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Answers to a pod's neighbour solicitations; everything else of neighbour discovery is refused. */
#pragma once
#include "drop.h"
#include "endpoint.h"
#include "eth.h"
#include "l4.h"

#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_SOLICITED_OVERRIDE 0x60000000
#define ND_OPTION_SOURCE 1
#define ND_OPTION_TARGET 2
#define ND_OFFSET (ETH_LENGTH + sizeof(struct ipv6hdr))

struct nd_message {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags;
	union ip_address target;
	__u8 option;
	__u8 option_length;
	__u8 mac[6];
};

#define ND_MIN_LENGTH __builtin_offsetof(struct nd_message, option)

/* What the ICMPv6 checksum covers. */
struct nd_sum {
	union ip_address source;
	union ip_address destination;
	__be32 length;
	__be32 next_header;
	struct nd_message message;
};

/* What an IPv6 header has before its addresses. */
struct nd_ip_start {
	__be32 version;
	__be16 length;
	__u8 next_header;
	__u8 hop_limit;
};

static __always_inline __be16 fold_sum(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* 0 when it is one of the pod's own that may be answered. */
static __always_inline int check_solicitation(struct packet *packet, const struct endpoint_config *endpoint,
					      const struct nd_message *message)
{
	bool link_local = (packet->source.words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);

	if (message->type != ND_SOLICITATION || message->code || packet->ttl != 255 || packet->l4_offset != ND_OFFSET ||
	    address_is_multicast(&message->target, FAMILY_IPV6))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	/* Duplicate address detection has no source: the node gave the address, nobody else has it. */
	if (address_is_zero(&packet->source) || endpoint_has_address(endpoint, &message->target, FAMILY_IPV6))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	if (!link_local && !endpoint_has_address(endpoint, &packet->source, FAMILY_IPV6))
		return drop(packet, DROP_INVALID_SIP);
	if (packet->l4_length >= sizeof(*message) && message->option == ND_OPTION_SOURCE &&
	    !mac_equal(message->mac, endpoint->mac))
		return drop(packet, DROP_INVALID_SMAC);
	return 0;
}

/* Turns the solicitation into the answer: one buffer for both, as the verifier counts the stack. */
static __always_inline void write_advertisement(struct nd_sum *sum, const struct packet *packet,
						const struct endpoint_config *endpoint)
{
	sum->source = sum->message.target;
	sum->destination = packet->source;
	sum->length = bpf_htonl(sizeof(struct nd_message));
	sum->next_header = bpf_htonl(IPPROTO_ICMPV6);
	sum->message.type = ND_ADVERTISEMENT;
	sum->message.checksum = 0;
	sum->message.flags = bpf_htonl(ND_SOLICITED_OVERRIDE);
	sum->message.option = ND_OPTION_TARGET;
	sum->message.option_length = 1;
	mac_copy(sum->message.mac, endpoint->node_mac);
	sum->message.checksum = fold_sum(bpf_csum_diff(NULL, 0, (__be32 *)sum, sizeof(*sum), 0));
}

static __always_inline int send_advertisement(struct __sk_buff *skb, struct packet *packet,
					      const struct endpoint_config *endpoint, const struct nd_sum *sum)
{
	struct ethhdr eth = { .h_proto = bpf_htons(ETH_P_IPV6) };
	struct nd_ip_start start = {
		.version = bpf_htonl(6 << 28),
		.length = bpf_htons(sizeof(struct nd_message)),
		.next_header = IPPROTO_ICMPV6,
		.hop_limit = 255,
	};

	mac_copy(eth.h_dest, endpoint->mac);
	mac_copy(eth.h_source, endpoint->node_mac);
	if (bpf_skb_change_tail(skb, ND_OFFSET + sizeof(struct nd_message), 0) ||
	    bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0) ||
	    bpf_skb_store_bytes(skb, ETH_LENGTH, &start, sizeof(start), 0) ||
	    bpf_skb_store_bytes(skb, ETH_LENGTH + sizeof(start), &sum->source, 2 * sizeof(sum->source), 0) ||
	    bpf_skb_store_bytes(skb, ND_OFFSET, &sum->message, sizeof(sum->message), 0))
		return drop(packet, DROP_WRITE_ERROR);
	return bpf_redirect_peer(endpoint->ifindex, 0);
}

/* For a neighbour discovery or listener message of a pod. A TC action or what drop() gives. */
__verified_alone int answer_ndp(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint)
{
	struct nd_sum sum = {};
	int verdict;

	if (!packet || !endpoint)
		return -DROP_FORBIDDEN_ICMP6;
	if (packet->l4_length < ND_MIN_LENGTH ||
	    bpf_skb_load_bytes(skb, packet->l4_offset, &sum.message, ND_MIN_LENGTH))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	if (packet->l4_length >= sizeof(sum.message) &&
	    bpf_skb_load_bytes(skb, packet->l4_offset, &sum.message, sizeof(sum.message)))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	verdict = check_solicitation(packet, endpoint, &sum.message);
	if (verdict)
		return verdict;
	write_advertisement(&sum, packet, endpoint);
	return send_advertisement(skb, packet, endpoint, &sum);
}
