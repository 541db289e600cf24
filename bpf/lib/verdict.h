/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy verdict events: what policy said about a new flow. */
#pragma once
#include "event.h"
#include "monitor.h"

struct verdict_record {
	struct policy_verdict_event event;
	__u8 bytes[EVENT_CAPTURE_LENGTH];
};

/* What is asked about a packet, and what policy answered; cookie and set are in the packet then. */
struct policy_question {
	__u32 identity;		/* of the remote side */
	__be16 port;
	__u8 direction;
	__u8 audit;		/* a denied flow passes */
	/* The answer. */
	__s32 verdict;		/* 0 or a negative drop reason */
	__u8 match;		/* enum policy_match */
	__u8 audited;
	__u8 staged;		/* enum policy_staged */
	__u8 pad;
	__u32 staged_cookie;
};

__verified_alone int send_verdict_event(struct __sk_buff *skb, const struct packet *packet,
					const struct policy_question *question)
{
	struct verdict_record *record;

	if (!packet || !question || !(monitor_events(packet->endpoint) & RUNTIME_EVENT_POLICY_VERDICT))
		return 0;
	record = bpf_ringbuf_reserve(&cilium_events, sizeof(*record), 0);
	if (!record) {
		count_lost_event();
		return 0;
	}
	__builtin_memset(&record->event, 0, sizeof(record->event));
	record->event.remote_identity = question->identity;
	record->event.verdict = question->verdict;
	record->event.destination_port = bpf_ntohs(question->port);
	record->event.protocol = packet->protocol;
	record->event.flags = question->direction | (packet->family == FAMILY_IPV6 ? VERDICT_F_IPV6 : 0) |
			      (question->match << VERDICT_MATCH_SHIFT) | (question->audited ? VERDICT_F_AUDITED : 0);
	record->event.cookie = packet->cookie;
	record->event.policy_set = packet->policy_set;
	record->event.staged = question->staged;
	record->event.staged_cookie = question->staged_cookie;
	fill_event_header(skb, &record->event.header, EVENT_POLICY_VERDICT, 0, packet->endpoint);
	capture_packet(skb, record->bytes);
	bpf_ringbuf_submit(record, 0);
	return 0;
}
