/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ingress of the device that holds this node's tunnel address: takes what other nodes' pods send to pods of this one. What
 * is left goes on as if there were no program.
 */
#include "../lib/call.h"
#include "../lib/decap.h"
#include "../lib/drop.h"
#include "../lib/trace.h"

static __always_inline int from_underlay(struct __sk_buff *skb, struct packet *packet)
{
	struct inner_frame inner = {};

	if (!find_inner_frame(skb, packet, &inner) || !remove_tunnel_headers(skb, &inner))
		return TC_ACT_UNSPEC;
	/* Not in place: the kernel would make every packet writable that comes in by the device. */
	if (bpf_skb_store_bytes(skb, __builtin_offsetof(struct ethhdr, h_proto), &inner.protocol, sizeof(inner.protocol), 0))
		return drop(packet, DROP_WRITE_ERROR);
	trace(skb, packet, TRACE_FROM_OVERLAY, packet->peer_endpoint, tunnel_ifindex);
	skb->mark = 0;
	call_container(skb, CALL_TO_CONTAINER, packet->peer_endpoint, packet->source_identity, CALL_F_INGRESS);
	return drop(packet, DROP_MISSED_TAIL_CALL);
}

SEC("tc")
int cil_from_underlay(struct __sk_buff *skb)
{
	struct packet packet = { .direction = DIRECTION_INGRESS };
	int verdict = tunnel_port && tunnel_ipv4 ? from_underlay(skb, &packet) : TC_ACT_UNSPEC;

	return verdict < TC_ACT_UNSPEC ? drop_packet(skb, &packet, verdict) : verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
