/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* May a packet go on? What its flow's conntrack entry says, while that holds; else policy is asked. */
#pragma once
#include "conntrack.h"
#include "monitor.h"
#include "nat_tracked.h"
#include "policy.h"

/* Asks policy about the flow as its side says: as_reply, the question is about whom the packet answers. 0 or what drop()
 * gives.
 */
static __always_inline int ask_side(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint,
				    const struct ct_flow *flow, bool *audited, bool as_reply, int family)
{
	bool egress = packet->direction == DIRECTION_EGRESS, ask_egress = egress != as_reply;
	struct policy_question question = {
		.identity = egress ? packet->destination_identity : packet->source_identity,
		.port = policy_port(packet, as_reply, family),
		.direction = ask_egress ? DIRECTION_EGRESS : DIRECTION_INGRESS,
		.audit = !!(endpoint->flags & ENDPOINT_AUDIT),
	};
	int verdict;

	if (!(endpoint->flags & (ask_egress ? ENDPOINT_ENFORCE_EGRESS : ENDPOINT_ENFORCE_INGRESS)))
		return 0;
	packet->policy_set = ask_egress ? endpoint->egress_set : endpoint->ingress_set;
	verdict = ask_policy(packet, &question);
	*audited |= question.audited;
	if (verdict || !ct_tracked(flow))
		send_verdict_event(skb, packet, &question);
	return verdict;
}

/* Is it a tunnel packet of a pod's own, to a node? Masqueraded it would look like one of this node's, which others
 * believe.
 */
static __always_inline bool is_pods_tunnel(const struct packet *packet)
{
	return tunnel_port && packet->direction == DIRECTION_EGRESS && packet->protocol == IPPROTO_UDP &&
	       packet->destination_port == bpf_htons(tunnel_port) &&
	       (packet->destination_identity == IDENTITY_HOST || is_node_identity(packet->destination_identity));
}

/* Asks policy about the flow; 0 or what drop() gives. */
static __always_inline int decide(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint,
				  const struct ct_flow *flow, bool *audited, int family)
{
	int verdict;

	if (is_pods_tunnel(packet))
		return drop(packet, DROP_ENCAP_PROHIBITED);
	verdict = ask_side(skb, packet, endpoint, flow, audited, flow->state == CT_REPLY, family);
	/* Else a flow that was denied and lost its entry would come back by what its other side still sends. */
	if (!verdict && flow->state == CT_NEW && ct_sent_by_answerer(packet))
		verdict = ask_side(skb, packet, endpoint, flow, audited, true, family);
	if (verdict && ct_tracked(flow) && flow->entry)
		ct_deny(packet, flow);
	return verdict;
}

static __always_inline __u8 ct_trace_reason(enum ct_state state)
{
	switch (state) {
	case CT_ESTABLISHED:
		return TRACE_REASON_ESTABLISHED;
	case CT_REPLY:
		return TRACE_REASON_REPLY;
	case CT_RELATED:
		return TRACE_REASON_RELATED;
	case CT_REOPENED:
		return TRACE_REASON_REOPENED;
	default:
		return TRACE_REASON_NEW;
	}
}

/* What masquerading made of the flow, for lib/leave.h. moved: the entry for the flow's answers has to learn something. */
static __always_inline void ct_tell_translation(struct packet *packet, struct ct_entry *entry, bool moved, int family)
{
	if (!masquerades_past_stack(family) || packet->direction != DIRECTION_EGRESS || packet->route != CT_ROUTE_STACK ||
	    !entry->nat_port || packet->fragment || packet->by_stack)
		return;
	if (unlikely(moved) && !nat_keep(packet, entry, family))
		return;
	packet->nat_port = entry->nat_port;
	packet->tunnel_endpoint = entry->tunnel_endpoint;
}

static __always_inline int judge_flow(struct __sk_buff *skb, struct packet *packet,
				      const struct endpoint_config *endpoint, int family)
{
	struct ct_flow flow;
	union ct_key key;
	bool audited = false;

	find_flow(skb, packet, endpoint, &flow, &key, family);
	find_peer(packet, &flow, family);
	/* Who is not part of the flow may say something about it only from outside the cluster: a router. */
	if (flow.state == CT_RELATED && flow.by_router && is_pod_identity(packet->source_identity))
		flow.state = CT_UNTRACKED;
	packet->reason = ct_trace_reason(flow.state);
	if (unlikely(!flow.fresh && flow.state != CT_RELATED)) {
		int verdict = decide(skb, packet, endpoint, &flow, &audited, family);

		if (verdict)
			return verdict;
	}
	if (ct_tracked(&flow) && flow.entry) {
		ct_renew(packet, &flow, audited);
		ct_tell_translation(packet, flow.entry, ct_account(packet, &flow, skb->len), family);
		return 0;
	}
	packet->report = 1;
	/* In the place of the old one: a new element of a large table is far from the cache. */
	if (flow.state == CT_REOPENED && flow.entry) {
		ct_open(packet, flow.entry, &flow.stamp, ct_opening_flags(packet, audited), skb->len);
		ct_tell_translation(packet, flow.entry, true, family);
		return 0;
	}
	if (flow.state == CT_NEW) {
		/* A copy: what a function verified alone may see is kept in memory, for every packet. */
		struct ct_stamp stamp = flow.stamp;

		return ct_create(skb, packet, &key, &stamp, audited);
	}
	return 0;
}

__verified_alone int judge_ipv4(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint)
{
	return packet && endpoint ? judge_flow(skb, packet, endpoint, FAMILY_IPV4) : -DROP_POLICY;
}

__verified_alone int judge_ipv6(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint)
{
	return packet && endpoint ? judge_flow(skb, packet, endpoint, FAMILY_IPV6) : -DROP_POLICY;
}

/* May the packet go on? Fills identities, route and what trace events tell; 0 or what drop() gives. */
static __always_inline int judge(struct __sk_buff *skb, struct packet *packet, const struct endpoint_config *endpoint,
				 int family)
{
	return family == FAMILY_IPV4 ? judge_ipv4(skb, packet, endpoint) : judge_ipv6(skb, packet, endpoint);
}
