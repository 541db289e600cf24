/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What leaves the node by a device that masquerades: pods' packets to the world get the device's address. The node's own
 * flows are noted, and get another port where a pod has theirs.
 */
#pragma once
#include "../maps/masquerade.h"
#include "fragment.h"
#include "ip.h"
#include "mark.h"
#include "nat_port.h"
#include "nat_rewrite.h"
#include "nat_tracked.h"

/* The address that the device gives to what leaves; NULL: none. */
static __always_inline const union ip_address *find_masquerade_address(struct __sk_buff *skb, int family)
{
	__u32 ifindex = skb->ifindex;
	const struct masquerade_device *device = bpf_map_lookup_elem(&cilium_masquerade, &ifindex);
	const union ip_address *address;

	if (!device)
		return NULL;
	address = family == FAMILY_IPV4 ? &device->ipv4 : &device->ipv6;
	return address_is_zero(address) ? NULL : address;
}

static __always_inline bool is_excluded(const union ip_address *address, int family)
{
	if (family == FAMILY_IPV4) {
		struct ipmasq4_key key = { .prefixlen = 32, .address = address->ipv4 };

		return bpf_map_lookup_elem(&cilium_ipmasq_v4, &key) != NULL;
	} else {
		struct ipmasq6_key key = { .prefixlen = 128 };

		__builtin_memcpy(key.address, address, sizeof(key.address));
		return bpf_map_lookup_elem(&cilium_ipmasq_v6, &key) != NULL;
	}
}

/* Who is in the cluster knows pods by their own addresses. Nodes do not where pods are reached through a tunnel: what is
 * between may drop what comes from an address that it has no route to.
 */
static __always_inline bool is_in_cluster(const struct packet *packet, int family)
{
	struct place place = {};

	find_place(&packet->destination, &place, family);
	return place.is_host || place.route != CT_ROUTE_STACK || is_pod_identity(place.identity) ||
	       (is_node_identity(place.identity) && !tunnel_ifindex);
}

/* Of a pod's packet on a flow that is not translated, and that the pod opened: should it be? */
__verified_alone int opens_masqueraded_flow(const struct packet *packet, int family)
{
	if (!packet || packet->icmp_kind == KIND_REPLY || address_is_multicast(&packet->destination, family))
		return false;
	if (family == FAMILY_IPV4)
		return !is_in_cluster(packet, FAMILY_IPV4) && !is_excluded(&packet->destination, FAMILY_IPV4);
	return !is_in_cluster(packet, FAMILY_IPV6) && !is_excluded(&packet->destination, FAMILY_IPV6);
}

/* The entry of a known flow in flow->entry; false: there is none. */
static __always_inline bool find_outgoing(const struct packet *packet, struct nat_side *flow, int family)
{
	struct nat_entry *entry = nat_lookup(&flow->key, packet->now, family);

	if (!entry)
		return false;
	flow->entry = *entry;
	return nat_touch(packet, entry, flow, family);
}

/* What the receiver of the quoted packet, an answer, becomes outside; false: nothing. */
static __always_inline bool find_quoted_translation(const struct quote *quote, struct nat_change *change, __u32 now,
						    int family)
{
	__u32 ports = quoted_ports(quote);
	const struct nat_entry *entry;
	const struct ct_entry *flow;
	union ct_key key;

	ports = ports >> 16 | ports << 16;
	fill_ct_key(&key, &quote->sent.remote, &quote->sent.local, ports, quote->sent.protocol, family);
	flow = nat_tracking(ct_lookup(&key, quote->sent.protocol, now, family));
	if (flow && flow->nat_port) {
		change->to = flow->tunnel_endpoint;
		change->to_port = flow->nat_port;
		return true;
	}
	fill_nat_key(&key, &quote->sent.remote, &quote->sent.local, ports, quote->sent.protocol, NAT_OUT, family);
	entry = nat_lookup(&key, now, family);
	if (!entry)
		return false;
	change->to = entry->address;
	change->to_port = entry->port;
	return true;
}

/* An error of a pod about what it got as an answer. */
static __always_inline int error_of_pod(struct __sk_buff *skb, struct packet *packet, int family)
{
	struct nat_change change = { .from = packet->source };
	struct quote quote = {};

	if (packet->fragment || !read_quoted_flow(skb, packet, &quote, family) ||
	    !address_equal(&quote.sent.remote, &packet->source, family) ||
	    !find_quoted_translation(&quote, &change, packet->now, family))
		return 0;
	change.from_port = quote.sent.remote_port;
	return nat_rewrite_error(skb, packet, &change, &quote, family);
}

/* May the flow go on with the address that it has? With another one than the device's as long as the node has it. */
static __always_inline bool keeps_address(const struct ct_entry *flow, const union ip_address *address, int family)
{
	const struct endpoint_info *info;

	if (likely(address_equal(&flow->tunnel_endpoint, address, family)))
		return true;
	info = endpoint_by_address(&flow->tunnel_endpoint, family);
	return info && (info->flags & ENDPOINT_F_HOST);
}

/* A flow's translation in *found; false: it has none. `entry`: what conntrack knows of it. */
static __always_inline bool find_translation(struct packet *packet, struct ct_entry *entry,
					     const union ip_address *address, struct nat_side *found, int family)
{
	struct ct_entry *tracking = nat_tracking(entry);

	/* Also a flow of before that conntrack did not keep it for: an earlier build gave it two entries. */
	if (!tracking || (!tracking->nat_port && tracking->tx_packets > 1))
		return find_outgoing(packet, found, family);
	if (!tracking->nat_port || !keeps_address(tracking, address, family) || !nat_keep(packet, tracking, family))
		return false;
	found->entry.address = tracking->tunnel_endpoint;
	found->entry.port = tracking->nat_port;
	return true;
}

static __always_inline int packet_of_pod(struct __sk_buff *skb, struct packet *packet, const union ip_address *address,
					 int family)
{
	struct nat_side flow = {};
	struct ct_entry *entry;
	int verdict;

	/* The keys differ in the direction. */
	read_nat_key(packet, &flow.key, NAT_OUT, family);
	entry = ct_lookup(&flow.key, packet->protocol, packet->now, family);
	if (!find_translation(packet, entry, address, &flow, family)) {
		/* Who opened the flow from outside knows the pod's own address. */
		if ((entry && (entry->flags & CT_F_INGRESS)) || !opens_masqueraded_flow(packet, family))
			return 0;
		/* Its checksum would have to be computed anew over the whole packet. */
		if (packet->protocol == IPPROTO_SCTP)
			return drop(packet, DROP_NAT_UNSUPP_PROTO);
		verdict = nat_open(packet, &flow, address, nat_tracking(entry), 0, family);
		if (verdict)
			return verdict;
	}
	return nat_rewrite(skb, packet, &flow.entry, family);
}

/* Tunnel packets are no flows: they have no answers, and pods cannot send any. */
static __always_inline bool is_tunnel_packet(const struct packet *packet)
{
	return tunnel_port && packet->protocol == IPPROTO_UDP && packet->destination_port == bpf_htons(tunnel_port);
}

/* Of the node's own flow, where nobody had its port before. */
static __always_inline void touch_own_flow(const struct packet *packet, struct nat_entry *entry)
{
	__u16 flags = nat_flags(packet, entry);

	if (likely(flags == entry->flags && entry->tick == packet->tick))
		return;
	entry->flags = flags;
	entry->expires = packet->now + ct_lifetime(packet, flags);
	entry->tick = packet->tick;
}

/* The entry that the answers to an own flow have. */
static __always_inline void read_own_flow(const struct packet *packet, struct nat_side *in, int family)
{
	fill_nat_key(&in->key, &packet->destination, &packet->source,
		     packet->destination_port | (__u32)packet->source_port << 16, packet->protocol, NAT_IN, family);
	__builtin_memset(&in->entry, 0, sizeof(in->entry));
	in->entry.address = packet->source;
	in->entry.port = packet->source_port;
	in->entry.flags = NAT_F_HOST;
}

/* A full map must not keep the node from talking. */
static __always_inline void note_own_flow(const struct packet *packet, struct nat_side *in, int family)
{
	read_own_flow(packet, in, family);
	in->entry.created = packet->now;
	touch_own_flow(packet, &in->entry);
	nat_write(in, BPF_ANY, family);
}

/* The node's own flows keep their ports, and are noted so that no pod gets them; those that a pod has are changed. */
static __always_inline int own_packet(struct __sk_buff *skb, struct packet *packet, int family)
{
	struct nat_side flow;
	struct nat_entry *taken;
	int verdict;

	if (!in_nat_range(packet->source_port) || packet->icmp_kind >= KIND_REPLY || packet->protocol == IPPROTO_SCTP ||
	    is_tunnel_packet(packet))
		return 0;
	read_own_flow(packet, &flow, family);
	taken = nat_lookup(&flow.key, packet->now, family);
	if (likely(taken && (taken->flags & NAT_F_HOST) && nat_leads_to(taken, &flow.entry, family))) {
		touch_own_flow(packet, taken);
		return 0;
	}
	read_nat_key(packet, &flow.key, NAT_OUT, family);
	if (find_outgoing(packet, &flow, family))
		return nat_rewrite(skb, packet, &flow.entry, family);
	if (!taken) {
		note_own_flow(packet, &flow, family);
		return 0;
	}
	verdict = nat_open(packet, &flow, &packet->source, NULL, NAT_F_HOST, family);
	return verdict ? verdict : nat_rewrite(skb, packet, &flow.entry, family);
}

/* Each in a stack frame of its own. All that call each other have 512 bytes, in which kernel 6.1 counts more than later
 * ones.
 */
__verified_alone int masquerade_error(struct __sk_buff *skb, struct packet *packet, int family)
{
	if (!packet)
		return -DROP_INVALID;
	return family == FAMILY_IPV4 ? error_of_pod(skb, packet, FAMILY_IPV4) : error_of_pod(skb, packet, FAMILY_IPV6);
}

__verified_alone int masquerade_own4(struct __sk_buff *skb, struct packet *packet)
{
	return packet ? own_packet(skb, packet, FAMILY_IPV4) : -DROP_INVALID;
}

__verified_alone int masquerade_own6(struct __sk_buff *skb, struct packet *packet)
{
	return packet ? own_packet(skb, packet, FAMILY_IPV6) : -DROP_INVALID;
}

__verified_alone int masquerade_pod4(struct __sk_buff *skb, struct packet *packet, const union ip_address *address)
{
	return packet && address ? packet_of_pod(skb, packet, address, FAMILY_IPV4) : -DROP_INVALID;
}

__verified_alone int masquerade_pod6(struct __sk_buff *skb, struct packet *packet, const union ip_address *address)
{
	return packet && address ? packet_of_pod(skb, packet, address, FAMILY_IPV6) : -DROP_INVALID;
}

static __always_inline bool is_of_pod(const struct packet *packet, int family)
{
	const struct endpoint_info *info = endpoint_by_address(&packet->source, family);

	return info && !(info->flags & ENDPOINT_F_HOST);
}

/* At the egress of a device. 0: the packet goes on, translated or not; or what drop() gives. */
static __always_inline int masquerade_packet(struct __sk_buff *skb, struct packet *packet, int family)
{
	const union ip_address *address = find_masquerade_address(skb, family);
	int verdict;
	bool own;

	if (!address)
		return 0;
	/* What cannot be read is the node's own or forwarded: pods' packets were read when they sent them. */
	if (parse_packet(skb, packet, family) || packet->icmp_kind == KIND_NEIGHBOR)
		return 0;
	own = address_equal(&packet->source, address, family);
	if (!own && !is_of_pod(packet, family))
		return 0;
	read_fine_clock(packet);
	if (packet->icmp_kind == KIND_ERROR)
		return own ? 0 : masquerade_error(skb, packet, family);
	if (unlikely(packet->fragment)) {
		verdict = track_fragment(packet, family);
		if (verdict)
			return own ? 0 : verdict;
	}
	if (family == FAMILY_IPV4)
		return own ? masquerade_own4(skb, packet) : masquerade_pod4(skb, packet, address);
	return own ? masquerade_own6(skb, packet) : masquerade_pod6(skb, packet, address);
}

/* Has lib/leave.h translated it already? Only what came from a pod: what the node itself marks so is its own. */
static __always_inline bool is_translated(struct __sk_buff *skb)
{
	if ((skb->mark & MARK_MASK) != MARK_TRANSLATED || !skb->ingress_ifindex)
		return false;
	skb->mark = 0;
	return true;
}

static __always_inline int masquerade(struct __sk_buff *skb, struct packet *packet)
{
	if (is_translated(skb))
		return 0;
	if (enable_ipv4_masquerade && skb->protocol == bpf_htons(ETH_P_IP))
		return masquerade_packet(skb, packet, FAMILY_IPV4);
	if (enable_ipv6_masquerade && skb->protocol == bpf_htons(ETH_P_IPV6))
		return masquerade_packet(skb, packet, FAMILY_IPV6);
	return 0;
}
