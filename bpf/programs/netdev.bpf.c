/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Masquerading, the host firewall and ipvlan pods at devices that lead out, and the host firewall for what pods and other
 * nodes send to the host. Loaded only when one of them is on. At devices of others, what passes goes on to the programs behind.
 */
#include "../lib/call.h"
#include "../lib/host_firewall.h"
#include "../lib/ipvlan.h"
#include "../lib/mark.h"
#include "../lib/route.h"
#include "../lib/trace.h"
#include "../lib/unmasquerade.h"

/* Does the packet go on to somebody else than the node itself? Only where the address alone does not say it. */
__verified_alone int is_forwarded(struct __sk_buff *skb, const struct packet *packet, int family)
{
	struct bpf_fib_lookup route = {};
	long found;

	if (!packet)
		return false;
	if (address_is_multicast(&packet->destination, family))
		return false;
	found = ask_route(skb, packet, &route, family);
	/* For those that nothing leads to the stack has an answer. */
	return found == BPF_FIB_LKUP_RET_SUCCESS || found == BPF_FIB_LKUP_RET_NO_NEIGH ||
	       found == BPF_FIB_LKUP_RET_FRAG_NEEDED || found == BPF_FIB_LKUP_RET_UNSUPP_LWT ||
	       found == BPF_FIB_LKUP_RET_UNREACHABLE || found == BPF_FIB_LKUP_RET_BLACKHOLE ||
	       found == BPF_FIB_LKUP_RET_PROHIBIT;
}

/* 0 or what drop() gives. */
static __always_inline int from_netdev_ip(struct __sk_buff *skb, struct packet *packet, int family)
{
	const struct endpoint_info *source, *destination;

	packet->family = family;
	if (!parse_addresses(skb, packet, family))
		return drop(packet, DROP_INVALID);
	destination = endpoint_by_address(&packet->destination, family);
	/* Pods are judged where the packet reaches them. */
	if (destination ? !(destination->flags & ENDPOINT_F_HOST) : is_forwarded(skb, packet, family))
		return 0;
	source = endpoint_by_address(&packet->source, family);
	if (source && (source->flags & ENDPOINT_F_HOST))
		return drop(packet, DROP_INVALID_SIP);
	packet->destination_identity = IDENTITY_HOST;
	return judge_host(skb, packet, family);
}

/* What comes in for the node; 0 or what drop() gives. */
static __always_inline int judge_incoming(struct __sk_buff *skb, struct packet *packet)
{
	if (enable_ipv4 && skb->protocol == bpf_htons(ETH_P_IP))
		return from_netdev_ip(skb, packet, FAMILY_IPV4);
	if (enable_ipv6 && skb->protocol == bpf_htons(ETH_P_IPV6))
		return from_netdev_ip(skb, packet, FAMILY_IPV6);
	return 0;
}

/* tcx ingress. */
SEC("tc")
int cil_from_netdev(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_INGRESS };
	int verdict;

	if (at_ipvlan_master(skb) && is_delivered(skb))
		return TC_ACT_UNSPEC;
	verdict = unmasquerade(skb, &packet);
	if (verdict > 0)
		return verdict;
	if (!verdict && at_ipvlan_master(skb)) {
		verdict = to_slave_any(skb, &packet);
		if (verdict > 0)
			return verdict;
	}
	if (!verdict && enable_host_firewall)
		verdict = judge_incoming(skb, &packet);
	return verdict ? drop_packet(skb, &packet, verdict) : TC_ACT_UNSPEC;
}

static __always_inline int to_netdev_ip(struct __sk_buff *skb, struct packet *packet, int family)
{
	packet->family = family;
	packet->source_identity = IDENTITY_HOST;
	return judge_host(skb, packet, family);
}

/* What the node itself sends; 0 or what drop() gives. */
static __always_inline int judge_outgoing(struct __sk_buff *skb, struct packet *packet)
{
	if (enable_ipv4 && skb->protocol == bpf_htons(ETH_P_IP))
		return to_netdev_ip(skb, packet, FAMILY_IPV4);
	if (enable_ipv6 && skb->protocol == bpf_htons(ETH_P_IPV6))
		return to_netdev_ip(skb, packet, FAMILY_IPV6);
	return 0;
}

/* What the node forwards is its senders', also when it has the node's address now. */
static __always_inline int to_netdev(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_EGRESS };
	int verdict = at_ipvlan_master(skb) ? from_slave_any(skb, &packet) : 0;

	if (!verdict && enable_host_firewall && !skb->ingress_ifindex)
		verdict = judge_outgoing(skb, &packet);
	if (!verdict)
		verdict = masquerade(skb, &packet);
	return verdict ? drop_packet(skb, &packet, verdict) : TC_ACT_UNSPEC;
}

/* tcx egress. */
SEC("tc")
int cil_to_netdev(struct __sk_buff *skb)
{
	/* Most of what pods send: nothing else is done for it. */
	return !at_ipvlan_master(skb) && is_translated(skb) ? TC_ACT_UNSPEC : to_netdev(skb);
}

static __always_inline int to_lo(struct __sk_buff *skb, struct packet *packet, int family)
{
	packet->family = family;
	if (!parse_addresses(skb, packet, family))
		return 0;
	if (family == FAMILY_IPV4 && !packet->destination.ipv4)
		return drop(packet, DROP_UNKNOWN_TARGET);
	return slave_with_address(&packet->source, family) ? drop(packet, DROP_INVALID_SIP) : 0;
}

/* Egress of lo, with ipvlan pods: what they send to no address at all, the kernel takes for the node's. Nothing else of
 * theirs comes here while the rules are in place.
 */
SEC("tc")
int cil_to_lo(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_EGRESS };
	int verdict = 0;

	if (enable_ipv4 && skb->protocol == bpf_htons(ETH_P_IP))
		verdict = to_lo(skb, &packet, FAMILY_IPV4);
	else if (enable_ipv6 && skb->protocol == bpf_htons(ETH_P_IPV6))
		verdict = to_lo(skb, &packet, FAMILY_IPV6);
	return verdict ? drop_packet(skb, &packet, verdict) : TC_ACT_UNSPEC;
}

/* Tail call of cil_from_host: what the host sends to pods. */
SEC("tc")
int cil_host_policy_egress(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_EGRESS };
	int verdict = judge_outgoing(skb, &packet);

	if (verdict >= 0)
		bpf_tail_call(skb, &cilium_calls, CALL_FROM_HOST_JUDGED);
	return drop_packet(skb, &packet, verdict < 0 ? verdict : drop(&packet, DROP_MISSED_TAIL_CALL));
}

/* Tail call of cil_to_container: what the host sends to a pod, where the stack brought it to the pod's device. cb: see
 * lib/call.h.
 */
SEC("tc")
int cil_host_policy_to_pod(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_EGRESS };
	int verdict = judge_outgoing(skb, &packet);

	if (verdict >= 0)
		call_container(skb, CALL_TO_CONTAINER, skb->cb[CB_ENDPOINT], IDENTITY_HOST, 0);
	return drop_packet(skb, &packet, verdict < 0 ? verdict : drop(&packet, DROP_MISSED_TAIL_CALL));
}

/* Tail call: what a pod of this node, or another node, sends to the host. cb: see lib/call.h. */
SEC("tc")
int cil_host_policy(struct __sk_buff *skb)
{
	struct packet packet = {
		.source_identity = skb->cb[CB_IDENTITY],
		.destination_identity = IDENTITY_HOST,
		.direction = DIRECTION_INGRESS,
	};
	int verdict;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		verdict = judge_host(skb, &packet, FAMILY_IPV4);
	else
		verdict = judge_host(skb, &packet, FAMILY_IPV6);
	if (verdict < 0)
		return drop_packet(skb, &packet, verdict);
	trace(skb, &packet, TRACE_TO_HOST, 0, skb->ifindex);
	count_forwarded(skb, FORWARD_DEVICE_TO_HOST);
	verdict = to_stack(skb, &packet);
	return verdict < 0 ? drop_packet(skb, &packet, verdict) : verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
