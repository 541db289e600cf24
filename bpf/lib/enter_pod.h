/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Into a pod of this node: judged for it, and handed over. */
#pragma once
#include "fragment.h"
#include "judge.h"
#include "local_delivery.h"
#include "trace.h"

/* A parsed packet to a pod of this node: asks for that pod, and hands it over. */
static __always_inline int enter_pod(struct __sk_buff *skb, struct packet *packet,
				     const struct endpoint_config *endpoint, bool at_ingress, int family)
{
	int verdict;

	if (!endpoint_has_address(endpoint, &packet->destination, family))
		return drop(packet, DROP_NO_LOCAL_ENDPOINT);
	if (unlikely(packet->fragment)) {
		verdict = follow_fragment(skb, packet, family);
		if (verdict)
			return verdict;
	}
	verdict = judge(skb, packet, endpoint, family);
	if (verdict)
		return verdict;
	verdict = deliver(skb, packet, endpoint, at_ingress, family);
	if (verdict < 0)
		return verdict;
	trace(skb, packet, TRACE_TO_ENDPOINT, packet->endpoint, endpoint->ifindex);
	count_forwarded(skb, FORWARD_TO_POD);
	return verdict;
}
