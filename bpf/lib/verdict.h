/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy verdict events: what policy said about a new flow. */
#pragma once
#include "event.h"
#include "packet.h"

struct verdict_record {
	struct policy_verdict_event event;
	__u8 bytes[EVENT_CAPTURE_LENGTH];
};

/* What policy answered. */
struct policy_answer {
	int verdict;		/* 0 or a negative drop reason */
	__u8 match;		/* enum policy_match */
	__u8 audited;
	__u8 asked;		/* a set was asked; else the direction is not enforced */
};

static __always_inline void send_verdict_event(struct __sk_buff *skb, const struct packet *packet,
					       const struct policy_answer *answer, __u8 direction, __be16 port)
{
	struct verdict_record *record;

	if (!(runtime_config(RUNTIME_EVENTS) & RUNTIME_EVENT_POLICY_VERDICT))
		return;
	record = bpf_ringbuf_reserve(&cilium_events, sizeof(*record), 0);
	if (!record) {
		count_lost_event();
		return;
	}
	__builtin_memset(&record->event, 0, sizeof(record->event));
	record->event.remote_identity =
		packet->direction == DIRECTION_EGRESS ? packet->destination_identity : packet->source_identity;
	record->event.verdict = answer->verdict;
	record->event.destination_port = bpf_ntohs(port);
	record->event.protocol = packet->protocol;
	record->event.flags = direction | (packet->family == FAMILY_IPV6 ? 0x4 : 0) | (answer->match << 3) |
			      (answer->audited ? 0x40 : 0);
	record->event.cookie = packet->cookie;
	record->event.policy_set = packet->policy_set;
	fill_event_header(skb, &record->event.header, EVENT_POLICY_VERDICT, 0, packet->endpoint);
	capture_packet(skb, record->bytes);
	bpf_ringbuf_submit(record, 0);
}
