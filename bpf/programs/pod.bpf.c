/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* clsact egress of an ipvlan pod's device, in the pod's namespace: nobody may send in another's name, since programs of the
 * host know ipvlan pods by their addresses. It judges nothing else.
 */
#include "../lib/drop.h"
#include "../lib/ip.h"

const volatile __u16 endpoint_id = 0;
const volatile __be32 pod_ipv4 = 0;
const volatile __u32 pod_ipv6[4] = {};

static __always_inline bool is_own_ipv6(const union ip_address *address)
{
	return (pod_ipv6[0] | pod_ipv6[1] | pod_ipv6[2] | pod_ipv6[3]) &&
	       !((address->words[0] ^ pod_ipv6[0]) | (address->words[1] ^ pod_ipv6[1]) |
		 (address->words[2] ^ pod_ipv6[2]) | (address->words[3] ^ pod_ipv6[3]));
}

/* 0 or what drop() gives. */
static __always_inline int from_pod(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!parse_addresses(skb, packet, FAMILY_IPV4))
			return drop(packet, DROP_INVALID);
		return pod_ipv4 && packet->source.ipv4 == pod_ipv4 ? 0 : drop(packet, DROP_INVALID_SIP);
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		packet->family = FAMILY_IPV6;
		if (!parse_addresses(skb, packet, FAMILY_IPV6))
			return drop(packet, DROP_INVALID);
		return is_own_ipv6(&packet->source) ? 0 : drop(packet, DROP_INVALID_SIP);
	}
	return drop(packet, DROP_UNSUPPORTED_L2);
}

SEC("tc")
int cil_from_pod(struct __sk_buff *skb)
{
	struct packet packet = { .endpoint = endpoint_id, .family = FAMILY_IPV4, .direction = DIRECTION_EGRESS };
	struct ethhdr *eth = packet_bytes(skb, 0, sizeof(*eth));
	int verdict;

	/* The kernel drops these itself, and sends some for every device that comes up. */
	if (eth && (eth->h_dest[0] & 1))
		return TC_ACT_OK;
	verdict = from_pod(skb, &packet);
	return verdict ? drop_packet(skb, &packet, verdict) : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
