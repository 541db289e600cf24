/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ingress of the device that holds this node's tunnel address: takes what other nodes' pods send to pods of this one. What
 * is left goes on as if there were no program.
 */
#include "../lib/call.h"
#include "../lib/decap.h"
#include "../lib/drop.h"
#include "../lib/trace.h"

static __always_inline int take_tunnel_packet(struct __sk_buff *skb, struct packet *packet,
					      const struct tunnel4_headers *headers)
{
	struct inner_frame inner = {};

	if (!find_inner_frame(skb, packet, headers, &inner) || !remove_tunnel_headers(skb, &inner))
		return TC_ACT_UNSPEC;
	/* Not in place: the kernel would make every packet writable that comes in by the device. */
	if (inner.protocol != bpf_htons(ETH_P_IP) &&
	    bpf_skb_store_bytes(skb, __builtin_offsetof(struct ethhdr, h_proto), &inner.protocol, sizeof(inner.protocol), 0))
		return drop(packet, DROP_WRITE_ERROR);
	trace(skb, packet, TRACE_FROM_OVERLAY, packet->peer_endpoint, tunnel_ifindex);
	skb->mark = 0;
	call_container(skb, CALL_TO_CONTAINER, packet->peer_endpoint, packet->source_identity, CALL_F_INGRESS);
	return drop(packet, DROP_MISSED_TAIL_CALL);
}

static __always_inline int from_underlay(struct __sk_buff *skb, const struct tunnel4_headers *headers)
{
	struct packet packet = { .direction = DIRECTION_INGRESS };
	int verdict = take_tunnel_packet(skb, &packet, headers);

	return verdict < TC_ACT_UNSPEC ? drop_packet(skb, &packet, verdict) : verdict;
}

SEC("tc")
int cil_from_underlay(struct __sk_buff *skb)
{
	const struct tunnel4_headers *headers = tunnel_port && tunnel_ipv4 ? tunnel_headers(skb) : NULL;

	/* For most packets that is all. */
	return headers ? from_underlay(skb, headers) : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
