/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The host's own packets against the policy of the host endpoint. Without one in its slot everything passes; flows are
 * tracked also where nothing is enforced, so that those that are there already outlive a policy that would not let them
 * begin.
 */
#pragma once
#include "../maps/nodes.h"
#include "call.h"
#include "drop.h"
#include "fragment.h"
#include "ip.h"
#include "judge.h"

#define PROTOCOL_IGMP 2

/* What conntrack cannot follow is asked about packet by packet, in its own direction. */
static __always_inline int judge_untracked(struct __sk_buff *skb, struct packet *packet,
					   const struct endpoint_config *endpoint, int family)
{
	bool egress = packet->direction == DIRECTION_EGRESS;
	struct place place = {};
	struct policy_question question = {
		.identity = packet->source_identity,
		.port = bpf_htons(packet->icmp_type),
		.direction = packet->direction,
		.audit = !!(endpoint->flags & ENDPOINT_AUDIT),
	};
	int verdict;

	if (!(endpoint->flags & (egress ? ENDPOINT_ENFORCE_EGRESS : ENDPOINT_ENFORCE_INGRESS)))
		return 0;
	if (egress || !question.identity) {
		find_place(egress ? &packet->destination : &packet->source, &place, family);
		question.identity = place.identity;
		if (egress)
			packet->destination_identity = place.identity;
		else
			packet->source_identity = place.identity;
	}
	packet->policy_set = egress ? endpoint->egress_set : endpoint->ingress_set;
	verdict = ask_policy(packet, &question);
	send_verdict_event(skb, packet, &question);
	return verdict;
}

/* Between nodes the tunnel is not the host's traffic: those of its packets that are for the host are judged when they
 * have left it.
 */
static __always_inline bool is_nodes_tunnel(const struct packet *packet, int family)
{
	bool egress = packet->direction == DIRECTION_EGRESS;
	struct node_key node = { .family = family, .address = egress ? packet->destination : packet->source };

	return tunnel_ifindex && tunnel_port && packet->protocol == IPPROTO_UDP && packet->destination_port == bpf_htons(tunnel_port) &&
	       bpf_map_lookup_elem(&cilium_node_map_v2, &node);
}

static __always_inline bool is_untracked_kind(int verdict)
{
	return verdict == -DROP_CT_UNKNOWN_PROTO || verdict == -DROP_UNKNOWN_L4 || verdict == -DROP_UNKNOWN_ICMP4_TYPE ||
	       verdict == -DROP_UNKNOWN_ICMP6_TYPE;
}

/* A packet to or from this node itself, by packet->direction; 0 or what drop() gives. */
static __always_inline int judge_host(struct __sk_buff *skb, struct packet *packet, int family)
{
	const struct endpoint_config *endpoint = endpoint_by_id(HOST_ENDPOINT);
	int verdict;

	if (!endpoint)
		return 0;
	packet->endpoint = HOST_ENDPOINT;
	if (!(endpoint->flags & ENDPOINT_READY))
		return drop(packet, DROP_HOST_NOT_READY);
	verdict = parse_packet(skb, packet, family);
	/* Who is where on the link, and which groups are listened to, is told before anybody can be asked. */
	if (packet->icmp_kind == KIND_NEIGHBOR || (family == FAMILY_IPV4 && packet->protocol == PROTOCOL_IGMP))
		return 0;
	if (is_untracked_kind(verdict))
		return judge_untracked(skb, packet, endpoint, family);
	if (verdict)
		return verdict;
	if (unlikely(packet->fragment)) {
		verdict = follow_fragment(skb, packet, family);
		if (verdict)
			return verdict;
	}
	return is_nodes_tunnel(packet, family) ? 0 : judge(skb, packet, endpoint, family);
}
