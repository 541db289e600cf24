/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What comes in for the node's address, and is an answer to a pod: it goes to the pod. */
#pragma once
#include "call.h"
#include "enter_pod.h"
#include "masquerade.h"

/* The pod that has an address; 0: none of this node. */
static __always_inline __u16 pod_with_address(const union ip_address *address, int family)
{
	const struct endpoint_info *info = endpoint_by_address(address, family);

	return info && !(info->flags & ENDPOINT_F_HOST) ? info->endpoint_id : 0;
}

/* The pod whose flow it is; 0: none of this node. */
static __always_inline __u16 pod_of_flow(const struct nat_entry *entry, int family)
{
	const struct endpoint_config *endpoint = entry->endpoint ? endpoint_by_id(entry->endpoint) : NULL;

	if (likely(endpoint && endpoint_has_address(endpoint, &entry->address, family)))
		return entry->endpoint;
	return pod_with_address(&entry->address, family);
}

/* An error about what a pod sent. Returns the pod's endpoint, 0 or what drop() gives. */
static __always_inline int find_asker(struct __sk_buff *skb, struct packet *packet, int family)
{
	struct nat_change change = {};
	struct quote quote = {};
	struct nat_entry *entry;
	union ct_key key;
	__u32 ports;
	__u16 endpoint;
	int verdict;

	if (packet->fragment || !read_quoted_flow(skb, packet, &quote, family) ||
	    !address_equal(&quote.sent.local, &packet->destination, family) || !in_nat_range(quote.sent.local_port))
		return 0;
	read_fine_clock(packet);
	ports = quoted_ports(&quote);
	fill_nat_key(&key, &quote.sent.remote, &quote.sent.local, ports >> 16 | ports << 16, quote.sent.protocol, NAT_IN,
		     family);
	entry = nat_lookup(&key, packet->now, family);
	if (!entry)
		return 0;
	change.from = packet->destination;
	change.to = entry->address;
	change.from_port = quote.sent.local_port;
	change.to_port = entry->port;
	change.source = true;
	endpoint = pod_with_address(&change.to, family);
	if (!endpoint && change.from_port == change.to_port)
		return 0;
	verdict = nat_rewrite_error(skb, packet, &change, &quote, family);
	return verdict ? verdict : endpoint;
}

/* An answer of a known flow. Returns the pod's endpoint, 0 or what drop() gives. */
static __always_inline int unmasquerade_answer(struct __sk_buff *skb, struct packet *packet, int family)
{
	struct nat_side flow = {};
	struct nat_entry *entry;
	__u16 endpoint;
	int verdict;

	read_fine_clock(packet);
	read_nat_key(packet, &flow.key, NAT_IN, family);
	entry = nat_lookup(&flow.key, packet->now, family);
	if (!entry)
		return 0;
	flow.entry = *entry;
	endpoint = pod_of_flow(&flow.entry, family);
	if (!endpoint && !(flow.entry.flags & NAT_F_HOST))
		return 0;
	if (!nat_touch(packet, entry, &flow, family))
		return 0;
	if (packet->fragment == FRAGMENT_FIRST)
		record_fragment(packet, family);
	if (!endpoint && packet->destination_port == flow.entry.port)
		return 0;
	verdict = nat_write_in_place(skb, packet, &flow.entry, false, family);
	packet->destination = flow.entry.address;
	packet->destination_port = flow.entry.port;
	return verdict ? verdict : endpoint;
}

/* Each in a stack frame of its own. */
__verified_alone int unmasquerade_error(struct __sk_buff *skb, struct packet *packet, int family)
{
	if (!packet)
		return -DROP_INVALID;
	return family == FAMILY_IPV4 ? find_asker(skb, packet, FAMILY_IPV4) : find_asker(skb, packet, FAMILY_IPV6);
}

__verified_alone int unmasquerade_answer4(struct __sk_buff *skb, struct packet *packet)
{
	return packet ? unmasquerade_answer(skb, packet, FAMILY_IPV4) : -DROP_INVALID;
}

__verified_alone int unmasquerade_answer6(struct __sk_buff *skb, struct packet *packet)
{
	return packet ? unmasquerade_answer(skb, packet, FAMILY_IPV6) : -DROP_INVALID;
}

/* Does the stack see what the pod asks? Then it has to see the answers too: netfilter takes a connection for broken of
 * which it knows one side.
 */
static __always_inline bool asks_by_stack(const struct endpoint_config *endpoint)
{
	return !enable_host_routing || (endpoint && (endpoint->flags & (ENDPOINT_BY_STACK | ENDPOINT_IPVLAN)));
}

/* Goes on in the pod's program, which reads the packet anew; comes back only when it is not there. */
static __always_inline int call_asker(struct __sk_buff *skb, struct packet *packet, __u16 id)
{
	packet->peer_endpoint = id;
	call_container(skb, CALL_TO_CONTAINER, id, IDENTITY_UNKNOWN, CALL_F_INGRESS);
	return drop(packet, DROP_MISSED_TAIL_CALL);
}

/* To the pod that asked: a TC action, 0 when that is by the stack, or what drop() gives. */
static __always_inline int enter_asker(struct __sk_buff *skb, struct packet *packet, __u16 id, int family)
{
	const struct endpoint_config *endpoint = endpoint_by_id(id);

	if (asks_by_stack(endpoint))
		return 0;
	skb->mark = 0;
	if (!endpoint || packet->fragment || packet->icmp_kind == KIND_ERROR || (endpoint->flags & ENDPOINT_NEIGHBORS_PASS))
		return call_asker(skb, packet, id);
	packet->endpoint = id;
	packet->destination_identity = endpoint->identity;
	if (!(endpoint->flags & ENDPOINT_READY))
		return drop(packet, DROP_EP_NOT_READY);
	return enter_pod(skb, packet, endpoint, true, family);
}

/* Positive: the endpoint that the packet is for now. */
static __always_inline int unmasquerade_packet(struct __sk_buff *skb, struct packet *packet, int family)
{
	/* What cannot be read is nobody's answer: the node's own stack or firewall has it. */
	if (parse_packet(skb, packet, family) || packet->icmp_kind == KIND_NEIGHBOR || packet->protocol == IPPROTO_SCTP)
		return 0;
	if (packet->icmp_kind == KIND_ERROR)
		return unmasquerade_error(skb, packet, family);
	/* First fragments are remembered only if they are an answer: outside of the node anybody may send some. */
	if (packet->fragment == FRAGMENT_LATER && track_fragment(packet, family))
		return 0;
	if (!in_nat_range(packet->destination_port))
		return 0;
	return family == FAMILY_IPV4 ? unmasquerade_answer4(skb, packet) : unmasquerade_answer6(skb, packet);
}

static __always_inline int unmasquerade_to_pod(struct __sk_buff *skb, struct packet *packet, int family)
{
	int found = unmasquerade_packet(skb, packet, family);

	return found > 0 ? enter_asker(skb, packet, found, family) : found;
}

/* At the ingress of a device. 0: the packet goes on, translated or not; a TC action, where it has gone to a pod that asks
 * past the stack; or what drop() gives.
 */
static __always_inline int unmasquerade(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->pkt_type != PACKET_HOST)
		return 0;
	if (enable_ipv4_masquerade && skb->protocol == bpf_htons(ETH_P_IP))
		return unmasquerade_to_pod(skb, packet, FAMILY_IPV4);
	if (enable_ipv6_masquerade && skb->protocol == bpf_htons(ETH_P_IPV6))
		return unmasquerade_to_pod(skb, packet, FAMILY_IPV6);
	return 0;
}
