/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* cilium_vxlan: what other nodes send (ingress) and what leaves for them (egress). */
#include "../lib/call.h"
#include "../lib/drop.h"
#include "../lib/ip.h"
#include "../lib/ipcache.h"
#include "../lib/mark.h"
#include "../lib/trace.h"
#include "../maps/nodes.h"

#define TUNNEL_KEY_SIZE __builtin_offsetof(struct bpf_tunnel_key, local_ipv4)

/* The tunnel key, and which family the underlay has; 0 when there is none. */
static __always_inline int read_tunnel_key(struct __sk_buff *skb, struct bpf_tunnel_key *key)
{
	if (!bpf_skb_get_tunnel_key(skb, key, TUNNEL_KEY_SIZE, 0))
		return FAMILY_IPV4;
	if (!bpf_skb_get_tunnel_key(skb, key, TUNNEL_KEY_SIZE, BPF_F_TUNINFO_IPV6))
		return FAMILY_IPV6;
	return 0;
}

static __always_inline bool is_known_node(const struct bpf_tunnel_key *key, int underlay)
{
	struct node_key node = { .family = underlay };

	if (underlay == FAMILY_IPV4)
		node.address.ipv4 = bpf_htonl(key->remote_ipv4);
	else
		__builtin_memcpy(&node.address, key->remote_ipv6, sizeof(node.address));
	return bpf_map_lookup_elem(&cilium_node_map_v2, &node) != NULL;
}

/* Takes the source's identity from the VNI; 0 or what drop() gives. */
static __always_inline int check_tunnel(struct __sk_buff *skb, struct packet *packet)
{
	struct bpf_tunnel_key key = {};
	int underlay = read_tunnel_key(skb, &key);

	if (!underlay)
		return drop(packet, DROP_NO_TUNNEL_KEY);
	if (!is_known_node(&key, underlay))
		return drop(packet, DROP_UNKNOWN_SENDER);
	if (!key.tunnel_id || key.tunnel_id >= IDENTITY_FIRST_LOCAL)
		return drop(packet, DROP_INVALID_IDENTITY);
	packet->source_identity = key.tunnel_id == IDENTITY_HOST ? IDENTITY_REMOTE_NODE : key.tunnel_id;
	return 0;
}

static __always_inline int from_overlay_ip(struct __sk_buff *skb, struct packet *packet, int family)
{
	const struct endpoint_info *destination;
	int verdict;

	packet->family = family;
	verdict = check_tunnel(skb, packet);
	if (verdict)
		return verdict;
	if (!parse_addresses(skb, packet, family))
		return drop(packet, DROP_INVALID);
	if (endpoint_by_address(&packet->source, family))
		return drop(packet, DROP_INVALID_SIP);
	packet->source_identity = tunnel_identity(packet->source_identity, &packet->source, family);
	destination = endpoint_by_address(&packet->destination, family);
	if (!destination)
		return drop(packet, DROP_NO_LOCAL_ENDPOINT);
	trace(skb, packet, TRACE_FROM_OVERLAY, destination->endpoint_id, skb->ifindex);
	skb->mark = 0;
	if (destination->flags & ENDPOINT_F_HOST) {
		packet->destination_identity = IDENTITY_HOST;
		/* Its MAC address is that of the sender's pod, not ours. */
		bpf_skb_change_type(skb, PACKET_HOST);
		if (enable_host_firewall) {
			call_host(skb, packet->source_identity);
			return drop(packet, DROP_MISSED_TAIL_CALL);
		}
		trace(skb, packet, TRACE_TO_HOST, 0, skb->ifindex);
		count_forwarded(skb, FORWARD_TUNNEL_TO_HOST);
		return TC_ACT_OK;
	}
	packet->peer_endpoint = destination->endpoint_id;
	call_container(skb, CALL_TO_CONTAINER, destination->endpoint_id, packet->source_identity, CALL_F_INGRESS);
	return drop(packet, DROP_MISSED_TAIL_CALL);
}

static __always_inline int from_overlay(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return enable_ipv4 ? from_overlay_ip(skb, packet, FAMILY_IPV4) : drop(packet, DROP_UNKNOWN_L3);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return enable_ipv6 ? from_overlay_ip(skb, packet, FAMILY_IPV6) : drop(packet, DROP_UNKNOWN_L3);
	return drop(packet, DROP_UNSUPPORTED_L2);
}

SEC("tc")
int cil_from_overlay(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_INGRESS };
	int verdict = from_overlay(skb, &packet);

	return verdict < 0 ? drop_packet(skb, &packet, verdict) : verdict;
}

/* Only what our programs encapsulated may leave. */
SEC("tc")
int cil_to_overlay(struct __sk_buff *skb)
{
	struct packet packet = {
		.direction = DIRECTION_EGRESS,
		.family = skb->protocol == bpf_htons(ETH_P_IPV6) ? FAMILY_IPV6 : FAMILY_IPV4,
	};
	struct bpf_tunnel_key key = {};

	if ((skb->mark & MARK_MASK) != MARK_OVERLAY || !read_tunnel_key(skb, &key) ||
	    key.tunnel_id != mark_identity(skb->mark))
		return drop_packet(skb, &packet, drop(&packet, DROP_NO_TUNNEL_KEY));
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
