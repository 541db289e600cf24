/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What every event begins and ends with: its header, and the packet's first bytes. */
#pragma once
#include "../abi/policy.h"
#include "../maps/events.h"
#include "config.h"

/* For an event that found no room. */
static __always_inline void count_lost_event(void)
{
	__u32 index = RUNTIME_EVENTS_LOST;
	__u64 *lost = bpf_map_lookup_elem(&cilium_runtime_config, &index);

	if (lost)
		__sync_fetch_and_add(lost, 1);
}

/* Bytes of the packet that an event carries. */
static __always_inline __u32 capture_length(const struct __sk_buff *skb)
{
	__u32 length = skb->len;

	return length < EVENT_CAPTURE_LENGTH ? length : EVENT_CAPTURE_LENGTH;
}

static __always_inline void fill_event_header(struct __sk_buff *skb, struct event_header *header, __u8 type,
					      __u8 subtype, __u16 source)
{
	header->type = type;
	header->subtype = subtype;
	header->source = source;
	header->hash = bpf_get_hash_recalc(skb);
	header->len_orig = skb->len;
	header->len_cap = capture_length(skb);
}

/* to has EVENT_CAPTURE_LENGTH bytes. */
static __always_inline void capture_packet(struct __sk_buff *skb, void *to)
{
	__u32 length = capture_length(skb) - 1;

	_Static_assert((EVENT_CAPTURE_LENGTH & (EVENT_CAPTURE_LENGTH - 1)) == 0, "the mask below wants a power of two");
	/* For verifiers up to 6.1, which learn 1 to 128 from a mask only; without the barrier the compiler drops it. */
	asm volatile("" : "+r"(length));
	bpf_skb_load_bytes(skb, 0, to, (length & (EVENT_CAPTURE_LENGTH - 1)) + 1);
}
