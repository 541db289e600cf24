/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* skb->mark: what programs tell each other across the stack. Bits 8-11 say what it is; an identity has its low 16 bits
 * in the upper half, bits 16-23 in the lowest byte, and its scope in bits 12 and 13: without it the first prefix of this
 * node's own scope would be the host.
 */
#pragma once
#include "helpers.h"

#define MARK_MASK 0x0F00
#define MARK_TRANSLATED 0x0300	/* has its address outside already */
#define MARK_OVERLAY 0x0400
#define MARK_JUDGED 0x0500	/* for an ipvlan pod, at the master's ingress */
#define MARK_IDENTITY 0x0F00
#define MARK_SCOPE 0x3

static __always_inline void set_mark(struct __sk_buff *skb, __u32 magic, __u32 identity)
{
	skb->mark = magic | (identity << 16) | ((identity >> 16) & 0xff) | (((identity >> 24) & MARK_SCOPE) << 12);
}

static __always_inline __u32 mark_identity(__u32 mark)
{
	return (mark >> 16) | ((mark & 0xff) << 16) | (((mark >> 12) & MARK_SCOPE) << 24);
}
