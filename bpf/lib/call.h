/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What programs hand each other over __sk_buff->cb, and how one continues in another. */
#pragma once
#include "../abi/endpoint.h"
#include "../maps/calls.h"

enum call_argument {
	CB_ENDPOINT = 0,	/* whose container program it is */
	CB_IDENTITY = 1,	/* of the source; 0: not known, look at the mark or the ipcache */
	CB_FLAGS = 2,
};

enum call_flags {
	CALL_F_INGRESS = 1,	/* runs at a device's ingress: bpf_redirect_peer works there */
};

/* Goes on in the host firewall with a packet for the host. Comes back only when the slot is empty. */
#define call_host(skb, identity) call_container(skb, CALL_TO_HOST, HOST_ENDPOINT, identity, 0)

/* Comes back only when the slot is empty. */
static __always_inline void call_container(struct __sk_buff *skb, __u32 slot, __u32 endpoint, __u32 identity, __u32 flags)
{
	skb->cb[CB_ENDPOINT] = endpoint;
	skb->cb[CB_IDENTITY] = identity;
	skb->cb[CB_FLAGS] = flags;
	bpf_tail_call(skb, &cilium_calls, slot);
}
