/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A pod's neighbour discovery: solicitations are answered and everything else is refused, or, where another plugin made
 * its network, what is about the pod itself passes.
 */
#pragma once
#include "drop.h"
#include "endpoint.h"
#include "eth.h"
#include "l4.h"

#define MLD_REPORT 131
#define MLD_DONE 132
#define MLD2_REPORT 143
#define ND_ROUTER_SOLICITATION 133
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

static __always_inline bool is_link_local(const union ip_address *address)
{
	return (address->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* 0 when it is one of the pod's own that may be answered. */
static __always_inline int check_solicitation(struct packet *packet, const struct endpoint_config *endpoint,
					      const struct nd_message *message)
{
	if (message->type != ND_SOLICITATION || message->code || packet->ttl != 255 || packet->l4_offset != ND_OFFSET ||
	    address_is_multicast(&message->target, FAMILY_IPV6))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	/* Duplicate address detection has no source: the node gave the address, nobody else has it. */
	if (address_is_zero(&packet->source) || endpoint_has_address(endpoint, &message->target, FAMILY_IPV6))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	if (!is_link_local(&packet->source) && !endpoint_has_address(endpoint, &packet->source, FAMILY_IPV6))
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

/* The address that follows from the pod's MAC (RFC 4291, appendix A): its device takes no other by itself. */
static __always_inline bool is_own_link_local(const union ip_address *address, const struct endpoint_config *endpoint)
{
	const __u8 *mac = endpoint->mac, *id = address->ipv6 + 8;

	return address->words[0] == bpf_htonl(0xfe800000) && !address->words[1] && id[0] == (mac[0] ^ 2) &&
	       id[1] == mac[1] && id[2] == mac[2] && id[3] == 0xff && id[4] == 0xfe && id[5] == mac[3] &&
	       id[6] == mac[4] && id[7] == mac[5];
}

static __always_inline bool is_own_address(const union ip_address *address, const struct endpoint_config *endpoint)
{
	return endpoint_has_address(endpoint, address, FAMILY_IPV6) || is_own_link_local(address, endpoint);
}

/* Whom no router forwards to. No policy is asked about these messages, so they must not leave the node. */
static __always_inline bool stays_near(const union ip_address *destination)
{
	return address_is_multicast(destination, FAMILY_IPV6) || is_link_local(destination) ||
	       endpoint_by_address(destination, FAMILY_IPV6);
}

/* For the same messages where others answer them. A pod speaks of itself only, and never as a router. TC_ACT_OK or what
 * drop() gives.
 */
__verified_alone int pass_ndp(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint)
{
	union ip_address target;

	if (!packet || !endpoint)
		return -DROP_FORBIDDEN_ICMP6;
	if (!address_is_zero(&packet->source) && !is_own_address(&packet->source, endpoint))
		return drop(packet, DROP_INVALID_SIP);
	if (!stays_near(&packet->destination))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	switch (packet->icmp_type) {
	case MLD_REPORT:
	case MLD_DONE:
	case MLD2_REPORT:
	case ND_ROUTER_SOLICITATION:
	case ND_SOLICITATION:
		return TC_ACT_OK;
	case ND_ADVERTISEMENT:
		break;
	default:
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	}
	if (bpf_skb_load_bytes(skb, packet->l4_offset + __builtin_offsetof(struct nd_message, target), &target,
			       sizeof(target)))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	return is_own_address(&target, endpoint) ? TC_ACT_OK : drop(packet, DROP_INVALID_SIP);
}
