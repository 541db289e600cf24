/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* cilium_host egress: what the node's stack sends to pods, its own and those of other nodes. */
#include "../lib/drop.h"
#include "../lib/call.h"
#include "../lib/encap.h"
#include "../lib/ip.h"
#include "../lib/ipcache.h"
#include "../lib/ipvlan.h"
#include "../lib/mark.h"
#include "../lib/trace.h"

static __always_inline int to_local_pod(struct __sk_buff *skb, struct packet *packet)
{
	const struct endpoint_config *endpoint = endpoint_by_id(packet->peer_endpoint);

	if (!endpoint)
		return drop(packet, DROP_NO_LOCAL_ENDPOINT);
	if (is_ipvlan(endpoint)) {
		/* No slave took what we delivered: the pod is gone, or gave its address up. */
		if (skb->ingress_ifindex == ipvlan_ifindex)
			return drop(packet, DROP_NO_LOCAL_ENDPOINT);
		call_container(skb, CALL_TO_CONTAINER, packet->peer_endpoint, packet->source_identity, 0);
		return drop(packet, DROP_MISSED_TAIL_CALL);
	}
	/* The egress of the pod's device judges, rewrites and counts it. */
	set_mark(skb, MARK_IDENTITY, packet->source_identity);
	return bpf_redirect(endpoint->ifindex, 0);
}

static __always_inline int from_host_ip(struct __sk_buff *skb, struct packet *packet, int family)
{
	struct place source = {}, destination = {};

	packet->family = family;
	if (!parse_addresses(skb, packet, family))
		return drop(packet, DROP_INVALID);
	if (address_is_multicast(&packet->destination, family))
		return TC_ACT_OK;
	find_place(&packet->destination, &destination, family);
	if (destination.is_host)
		return TC_ACT_OK;
	take_destination(packet, &destination);
	/* Only routes to pods lead here. Back in the stack the packet would come here again. */
	if (destination.route == CT_ROUTE_STACK)
		return drop(packet, DROP_NO_LOCAL_ENDPOINT);
	find_place(&packet->source, &source, family);
	packet->source_identity = source.identity;
	if (skb->ingress_ifindex) {
		if (is_forged(skb, &source))
			return drop(packet, DROP_INVALID_SIP);
		/* What others sent is not the host's own, whether masqueraded or forged. */
		if (source.is_host)
			packet->source_identity = world_identity(family);
	} else if (slave_with_address(&packet->source, family)) {
		/* It was not asked whether its pod may send it. */
		return drop(packet, DROP_INVALID_SIP);
	}
	trace(skb, packet, TRACE_FROM_HOST, destination.endpoint, skb->ifindex);
	if (destination.route == CT_ROUTE_LOCAL)
		return to_local_pod(skb, packet);
	/* An identity of this node's own scope says no more to others than that it is a node's, or the world's. */
	if (is_node_identity(packet->source_identity))
		packet->source_identity = IDENTITY_REMOTE_NODE;
	if (packet->source_identity >= IDENTITY_FIRST_LOCAL)
		packet->source_identity = world_identity(family);
	trace(skb, packet, TRACE_TO_OVERLAY, 0, tunnel_ifindex);
	count_forwarded(skb, FORWARD_HOST_TO_TUNNEL);
	return encapsulate(skb, packet);
}

static __always_inline int from_host(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP) && enable_ipv4)
		return from_host_ip(skb, packet, FAMILY_IPV4);
	if (skb->protocol == bpf_htons(ETH_P_IPV6) && enable_ipv6)
		return from_host_ip(skb, packet, FAMILY_IPV6);
	return TC_ACT_OK;
}

SEC("tc")
int cil_from_host(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_EGRESS };
	int verdict;

	/* What the host itself sends; the host firewall goes on in cil_from_host_judged. */
	if (enable_host_firewall && !skb->ingress_ifindex) {
		bpf_tail_call(skb, &cilium_calls, CALL_FROM_HOST);
		return drop_packet(skb, &packet, drop(&packet, DROP_MISSED_TAIL_CALL));
	}
	verdict = from_host(skb, &packet);
	return verdict < 0 ? drop_packet(skb, &packet, verdict) : verdict;
}

SEC("tc")
int cil_from_host_judged(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_EGRESS };
	int verdict = from_host(skb, &packet);

	return verdict < 0 ? drop_packet(skb, &packet, verdict) : verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
