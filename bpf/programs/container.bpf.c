/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What leaves and reaches a pod: bodies shared by all endpoints, entered through cilium_calls with the arguments of
 * lib/call.h.
 */
#include "../lib/arp.h"
#include "../lib/call.h"
#include "../lib/encap.h"
#include "../lib/enter_pod.h"
#include "../lib/eth.h"
#include "../lib/ip.h"
#include "../lib/ipvlan.h"
#include "../lib/leave.h"
#include "../lib/mark.h"
#include "../lib/ndp.h"

/* What passes a device with qdiscs that matter goes to their filters too. */
static __always_inline int pass_on(const struct packet *packet, int verdict)
{
	return packet->by_stack && verdict == TC_ACT_OK ? TC_ACT_UNSPEC : verdict;
}

/* The second half of the way between two pods of this node. The packet is parsed already, and only the side changes:
 * cheaper by a third than going through cilium_calls.
 */
static __always_inline int pass_to_peer(struct __sk_buff *skb, struct packet *packet, int family)
{
	const struct endpoint_config *endpoint = endpoint_by_id(packet->peer_endpoint);

	/* bpf_redirect_peer works at a pod's device only. */
	if (endpoint && ((endpoint->flags & ENDPOINT_BY_STACK) || (at_ipvlan_master(skb) && !is_ipvlan(endpoint))))
		return send_by_device(skb, packet, endpoint);
	packet->endpoint = packet->peer_endpoint;
	packet->peer_endpoint = 0;
	packet->direction = DIRECTION_INGRESS;
	packet->cookie = 0;
	packet->policy_set = 0;
	packet->report = 0;
	if (!endpoint || !(endpoint->flags & ENDPOINT_READY))
		return drop(packet, DROP_EP_NOT_READY);
	packet->destination_identity = endpoint->identity;
	return enter_pod(skb, packet, endpoint, true, family);
}

/* Sends a judged packet on its way. */
static __always_inline int forward(struct __sk_buff *skb, struct packet *packet, int family)
{
	count_forwarded(skb, FORWARD_FROM_POD);
	if (packet->route == CT_ROUTE_LOCAL && !packet->by_stack)
		return pass_to_peer(skb, packet, family);
	if (packet->route == CT_ROUTE_TUNNEL && !packet->by_stack) {
		trace(skb, packet, TRACE_TO_OVERLAY, 0, tunnel_ifindex);
		return encapsulate(skb, packet);
	}
	if (enable_host_firewall && packet->destination_identity == IDENTITY_HOST) {
		call_host(skb, packet->source_identity);
		return drop(packet, DROP_MISSED_TAIL_CALL);
	}
	if (may_leave(packet, family) && !at_ipvlan_master(skb)) {
		int verdict = leave_node(skb, packet);

		if (verdict != LEFT_TO_STACK)
			return verdict;
	}
	trace(skb, packet, TRACE_TO_STACK, 0, 0);
	return to_stack(skb, packet);
}

/* Everything behind the Ethernet header of what a pod sends. */
static __always_inline int from_container_ip(struct __sk_buff *skb, struct packet *packet,
					     const struct endpoint_config *endpoint, bool to_node, int family)
{
	int verdict;

	verdict = parse_packet(skb, packet, family);
	if (verdict)
		return verdict;
	if (family == FAMILY_IPV6 && packet->icmp_kind == KIND_NEIGHBOR && is_ipvlan(endpoint))
		return drop(packet, DROP_FORBIDDEN_ICMP6);
	if (family == FAMILY_IPV6 && packet->icmp_kind == KIND_NEIGHBOR)
		return endpoint->flags & ENDPOINT_NEIGHBORS_PASS ? pass_ndp(skb, packet, endpoint) :
								   answer_ndp(skb, packet, endpoint);
	if (!endpoint_has_address(endpoint, &packet->source, family) && !(endpoint->flags & ENDPOINT_ANY_SOURCE))
		return drop(packet, DROP_INVALID_SIP);
	if (address_is_multicast(&packet->destination, family))
		return drop(packet, DROP_UNKNOWN_TARGET);
	if (!to_node)
		return drop(packet, DROP_INVALID_DMAC);
	if (unlikely(packet->fragment)) {
		verdict = follow_fragment(skb, packet, family);
		if (verdict)
			return verdict;
	}
	trace(skb, packet, TRACE_FROM_ENDPOINT, 0, skb->ifindex);
	if (masquerades_past_stack(family) && opens_connection(packet))
		warm_answers(packet, family);
	verdict = judge(skb, packet, endpoint, family);
	return verdict ? verdict : forward(skb, packet, family);
}

static __always_inline int from_container_arp(struct __sk_buff *skb, struct packet *packet,
					      const struct endpoint_config *endpoint)
{
	return endpoint->flags & ENDPOINT_NEIGHBORS_PASS ? pass_arp(skb, packet, endpoint) :
							   answer_arp(skb, packet, endpoint);
}

static __always_inline int from_container(struct __sk_buff *skb, struct packet *packet)
{
	const struct endpoint_config *endpoint = endpoint_by_id(packet->endpoint);
	struct ethhdr *eth = packet_bytes(skb, 0, sizeof(*eth));
	bool to_node;

	if (!endpoint || !(endpoint->flags & ENDPOINT_READY))
		return drop(packet, DROP_EP_NOT_READY);
	packet->source_identity = endpoint->identity;
	if (!eth)
		return drop(packet, DROP_INVALID);
	if (skb->vlan_present)
		return drop(packet, DROP_VLAN_FILTERED);
	if (!is_ipvlan(endpoint) && !mac_equal(eth->h_source, endpoint->mac))
		return drop(packet, DROP_INVALID_SMAC);
	packet->by_stack = !!(endpoint->flags & ENDPOINT_BY_STACK);
	to_node = (endpoint->flags & ENDPOINT_NEIGHBORS_PASS) || is_ipvlan(endpoint) || mac_equal(eth->h_dest, endpoint->node_mac);
	switch (eth->h_proto) {
	case bpf_htons(ETH_P_ARP):
		return enable_ipv4 ? from_container_arp(skb, packet, endpoint) : drop(packet, DROP_UNKNOWN_L3);
	case bpf_htons(ETH_P_IP):
		return enable_ipv4 ? from_container_ip(skb, packet, endpoint, to_node, FAMILY_IPV4) :
				     drop(packet, DROP_UNKNOWN_L3);
	case bpf_htons(ETH_P_IPV6):
		return enable_ipv6 ? from_container_ip(skb, packet, endpoint, to_node, FAMILY_IPV6) :
				     drop(packet, DROP_UNKNOWN_L3);
	default:
		return drop(packet, DROP_UNSUPPORTED_L2);
	}
}

SEC("tc")
int cil_from_container(struct __sk_buff *skb)
{
	struct packet packet = { .endpoint = skb->cb[CB_ENDPOINT], .direction = DIRECTION_EGRESS };
	int verdict = from_container(skb, &packet);

	return verdict < 0 ? drop_packet(skb, &packet, verdict) : pass_on(&packet, verdict);
}

/* Who sent what the stack brings to a pod by itself. What the node sends on its own has any of its addresses; what it
 * forwards may lie, and where others route (by_stack) pods of other nodes do not come through the tunnel. 0 or what
 * drop() gives.
 */
static __always_inline int find_stack_source(struct __sk_buff *skb, struct packet *packet, int family)
{
	struct place place = {};

	packet->source_identity = IDENTITY_HOST;
	if (!skb->ingress_ifindex)
		return 0;
	find_place(&packet->source, &place, family);
	if ((!packet->by_stack || place.route == CT_ROUTE_LOCAL) && is_forged(skb, &place))
		return drop(packet, DROP_INVALID_SIP);
	packet->source_identity = place.is_host ? world_identity(family) : place.identity;
	return 0;
}

/* Everything behind the Ethernet header of what is for a pod. */
static __always_inline int to_container_ip(struct __sk_buff *skb, struct packet *packet,
					   const struct endpoint_config *endpoint, int family)
{
	bool at_ingress = skb->cb[CB_FLAGS] & CALL_F_INGRESS;
	int verdict;

	verdict = parse_packet(skb, packet, family);
	if (verdict)
		return verdict;
	if (packet->icmp_kind == KIND_NEIGHBOR)
		return endpoint->flags & ENDPOINT_NEIGHBORS_PASS ? TC_ACT_OK : drop(packet, DROP_FORBIDDEN_ICMP6);
	if (packet->by_stack && at_ingress)
		return send_by_device(skb, packet, endpoint);
	if ((packet->by_stack || (enable_endpoint_routes && !at_ingress)) && !packet->source_identity) {
		/* Comes back with the host as its source. */
		if (enable_host_firewall && !skb->ingress_ifindex) {
			call_container(skb, CALL_HOST_TO_CONTAINER, packet->endpoint, IDENTITY_UNKNOWN, 0);
			return drop(packet, DROP_MISSED_TAIL_CALL);
		}
		verdict = find_stack_source(skb, packet, family);
		if (verdict)
			return verdict;
	}
	return enter_pod(skb, packet, endpoint, at_ingress, family);
}

static __always_inline int to_container(struct __sk_buff *skb, struct packet *packet)
{
	const struct endpoint_config *endpoint = endpoint_by_id(packet->endpoint);
	struct ethhdr *eth = packet_bytes(skb, 0, sizeof(*eth));

	if (!endpoint || !(endpoint->flags & ENDPOINT_READY))
		return drop(packet, DROP_EP_NOT_READY);
	packet->destination_identity = endpoint->identity;
	packet->by_stack = !!(endpoint->flags & ENDPOINT_BY_STACK);
	if (!packet->source_identity && (skb->mark & MARK_MASK) == MARK_IDENTITY)
		packet->source_identity = mark_identity(skb->mark);
	if (!eth)
		return drop(packet, DROP_INVALID);
	switch (eth->h_proto) {
	case bpf_htons(ETH_P_ARP):
		return endpoint->flags & ENDPOINT_NEIGHBORS_PASS ? TC_ACT_OK : drop(packet, DROP_UNSUPPORTED_L2);
	case bpf_htons(ETH_P_IP):
		return enable_ipv4 ? to_container_ip(skb, packet, endpoint, FAMILY_IPV4) : drop(packet, DROP_UNKNOWN_L3);
	case bpf_htons(ETH_P_IPV6):
		return enable_ipv6 ? to_container_ip(skb, packet, endpoint, FAMILY_IPV6) : drop(packet, DROP_UNKNOWN_L3);
	default:
		return drop(packet, DROP_UNSUPPORTED_L2);
	}
}

SEC("tc")
int cil_to_container(struct __sk_buff *skb)
{
	struct packet packet = {
		.endpoint = skb->cb[CB_ENDPOINT],
		.source_identity = skb->cb[CB_IDENTITY],
		.direction = DIRECTION_INGRESS,
	};
	int verdict = to_container(skb, &packet);

	return verdict < 0 ? drop_packet(skb, &packet, verdict) : pass_on(&packet, verdict);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
