/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Sending through the tunnel: the source's identity is the VNI. */
#pragma once
#include "config.h"
#include "drop.h"
#include "mark.h"
#include "underlay.h"

/* All that is needed, and what kernels before 5.19 take. */
#define TUNNEL_KEY_SIZE __builtin_offsetof(struct bpf_tunnel_key, local_ipv4)

/* Tells the tunnel device what to write. */
static __always_inline int encapsulate_by_device(struct __sk_buff *skb, struct packet *packet)
{
	struct bpf_tunnel_key key = { .tunnel_id = packet->source_identity, .tunnel_ttl = TUNNEL_TTL };
	__u64 flags = BPF_F_ZERO_CSUM_TX;

	if (packet->tunnel_family == FAMILY_IPV6) {
		flags = BPF_F_TUNINFO_IPV6;
		__builtin_memcpy(key.remote_ipv6, &packet->tunnel_endpoint, sizeof(key.remote_ipv6));
	} else {
		key.remote_ipv4 = bpf_ntohl(packet->tunnel_endpoint.ipv4);
	}
	if (bpf_skb_set_tunnel_key(skb, &key, TUNNEL_KEY_SIZE, flags))
		return drop(packet, DROP_WRITE_ERROR);
	set_mark(skb, MARK_OVERLAY, packet->source_identity);
	return bpf_redirect(tunnel_ifindex, 0);
}

static __always_inline int encapsulate(struct __sk_buff *skb, struct packet *packet)
{
	/* Identities of a node's own scope mean something else on another one, and do not fit. */
	if (!packet->source_identity || packet->source_identity >= IDENTITY_FIRST_LOCAL)
		return drop(packet, DROP_INVALID_IDENTITY);
	if (tunnel_port && packet->tunnel_family == FAMILY_IPV4) {
		int verdict = encapsulate_ipv4(skb, packet);

		if (verdict != LEFT_TO_DEVICE)
			return verdict;
	}
	return encapsulate_by_device(skb, packet);
}
