/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Pods whose device is an ipvlan slave of a device of the node. What they send comes by the master's egress, with a MAC
 * address that nothing else goes to; what is for them is given to the master's ingress, where the kernel hands it on.
 */
#pragma once
#include "call.h"
#include "drop.h"
#include "endpoint.h"
#include "eth.h"
#include "ip.h"
#include "mark.h"

static __always_inline bool is_ipvlan(const struct endpoint_config *endpoint)
{
	return ipvlan_ifindex && (endpoint->flags & ENDPOINT_IPVLAN);
}

static __always_inline bool at_ipvlan_master(const struct __sk_buff *skb)
{
	return ipvlan_ifindex && skb->ifindex == ipvlan_ifindex;
}

/* Gives a packet to the stack, as if a device of the node's own had brought it: the rx_handler of the master would take
 * what is for a pod.
 */
static __always_inline int enter_stack(struct __sk_buff *skb, struct packet *packet)
{
	struct ethhdr *eth = packet_bytes(skb, 0, sizeof(*eth));
	__u16 *mac;

	if (!eth)
		return drop(packet, DROP_INVALID);
	mac = (void *)eth->h_dest;
	mac[0] = bpf_htons(ipvlan_stack_mac >> 32);
	mac[1] = bpf_htons(ipvlan_stack_mac >> 16);
	mac[2] = bpf_htons(ipvlan_stack_mac);
	skb->mark = 0;
	return bpf_redirect(ipvlan_stack_ifindex, BPF_F_INGRESS);
}

/* The end of a judged packet's way past our programs. */
static __always_inline int to_stack(struct __sk_buff *skb, struct packet *packet)
{
	if (at_ipvlan_master(skb))
		return enter_stack(skb, packet);
	skb->mark = 0;
	return TC_ACT_OK;
}

/* Hands a judged packet to the slave that has its destination. */
static __always_inline int deliver_by_master(struct __sk_buff *skb)
{
	skb->mark = MARK_JUDGED;
	return bpf_redirect(ipvlan_ifindex, BPF_F_INGRESS);
}

/* At the master's ingress: did deliver_by_master() send it? Its MAC addresses are whoever's. */
static __always_inline bool is_delivered(struct __sk_buff *skb)
{
	if (skb->mark != MARK_JUDGED)
		return false;
	skb->mark = 0;
	bpf_skb_change_type(skb, PACKET_HOST);
	return true;
}

/* The ipvlan pod that has an address; 0: none. */
static __always_inline __u16 slave_with_address(const union ip_address *address, int family)
{
	const struct endpoint_info *info = endpoint_by_address(address, family);
	const struct endpoint_config *endpoint;

	if (!ipvlan_ifindex || !info || (info->flags & ENDPOINT_F_HOST))
		return 0;
	endpoint = endpoint_by_id(info->endpoint_id);
	return endpoint && is_ipvlan(endpoint) ? info->endpoint_id : 0;
}

static __always_inline bool has_gateway_mac(struct __sk_buff *skb)
{
	__u8 gateway[] = IPVLAN_GATEWAY_MAC;
	struct ethhdr *eth = packet_bytes(skb, 0, sizeof(*eth));

	return eth && mac_equal(eth->h_dest, gateway);
}

/* Goes on in the pod's program; 0: nothing that a slave sent; or what drop() gives. What was not forwarded and has a
 * pod's address is a pod's, also when somebody took the rules away that lead it to the gateway.
 */
static __always_inline int from_slave(struct __sk_buff *skb, struct packet *packet, int family)
{
	bool sure = has_gateway_mac(skb);

	if (!sure && skb->ingress_ifindex)
		return 0;
	packet->family = family;
	if (!parse_addresses(skb, packet, family))
		return sure ? drop(packet, DROP_INVALID) : 0;
	packet->endpoint = slave_with_address(&packet->source, family);
	if (!packet->endpoint)
		return sure ? drop(packet, DROP_INVALID_SIP) : 0;
	call_container(skb, CALL_FROM_CONTAINER, packet->endpoint, IDENTITY_UNKNOWN, 0);
	return drop(packet, DROP_MISSED_TAIL_CALL);
}

/* At the master's ingress: what is for a pod goes through the stack to cilium_host, where it is judged. A slave may have
 * taken any address, so all pods' packets do. 0: not for a pod; a TC action; or what drop() gives.
 */
static __always_inline int to_slave(struct __sk_buff *skb, struct packet *packet, int family)
{
	const struct endpoint_info *destination;

	packet->family = family;
	/* Pods drop what is for another host. */
	if (skb->pkt_type == PACKET_OTHERHOST)
		return 0;
	if (!parse_addresses(skb, packet, family))
		return drop(packet, DROP_INVALID);
	destination = endpoint_by_address(&packet->destination, family);
	if (!destination || (destination->flags & ENDPOINT_F_HOST))
		return 0;
	packet->peer_endpoint = destination->endpoint_id;
	if (endpoint_by_address(&packet->source, family))
		return drop(packet, DROP_INVALID_SIP);
	return enter_stack(skb, packet);
}

/* At the master's egress. */
static __always_inline int from_slave_any(struct __sk_buff *skb, struct packet *packet)
{
	if (enable_ipv4 && skb->protocol == bpf_htons(ETH_P_IP))
		return from_slave(skb, packet, FAMILY_IPV4);
	if (enable_ipv6 && skb->protocol == bpf_htons(ETH_P_IPV6))
		return from_slave(skb, packet, FAMILY_IPV6);
	return has_gateway_mac(skb) ? drop(packet, DROP_UNKNOWN_L3) : 0;
}

static __always_inline int to_slave_any(struct __sk_buff *skb, struct packet *packet)
{
	if (enable_ipv4 && skb->protocol == bpf_htons(ETH_P_IP))
		return to_slave(skb, packet, FAMILY_IPV4);
	if (enable_ipv6 && skb->protocol == bpf_htons(ETH_P_IPV6))
		return to_slave(skb, packet, FAMILY_IPV6);
	return 0;
}
