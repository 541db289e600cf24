/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One per endpoint, on its device: names the endpoint and goes on in the shared body. Fails closed. */
#include "../lib/call.h"
#include "../lib/drop.h"

const volatile __u16 endpoint_id = 0;

static __always_inline int enter(struct __sk_buff *skb, __u32 slot, __u8 direction, __u32 flags)
{
	struct packet packet = {
		.endpoint = endpoint_id,
		.direction = direction,
		.family = skb->protocol == bpf_htons(ETH_P_IPV6) ? FAMILY_IPV6 : FAMILY_IPV4,
	};

	call_container(skb, slot, endpoint_id, IDENTITY_UNKNOWN, flags);
	return drop_packet(skb, &packet, drop(&packet, DROP_MISSED_TAIL_CALL));
}

/* tcx ingress of lxc…: what the pod sends. */
SEC("tc")
int cil_from_container_entry(struct __sk_buff *skb)
{
	return enter(skb, CALL_FROM_CONTAINER, DIRECTION_EGRESS, CALL_F_INGRESS);
}

/* tcx egress of lxc…: what the stack sends to the pod. */
SEC("tc")
int cil_to_container_entry(struct __sk_buff *skb)
{
	return enter(skb, CALL_TO_CONTAINER, DIRECTION_INGRESS, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
