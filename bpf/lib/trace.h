/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Trace events: where a packet passed. */
#pragma once
#include "event.h"
#include "packet.h"

struct trace_record {
	struct trace_event event;
	__u8 bytes[EVENT_CAPTURE_LENGTH];
};

/* Does the aggregation level want it? Points where packets come in only say what those where they leave say again. */
static __always_inline bool trace_wanted(const struct packet *packet, enum trace_point point)
{
	bool incoming = point >= TRACE_FROM_ENDPOINT && point <= TRACE_FROM_NETWORK;

	if (incoming || !packet->report) {
		__u64 level = runtime_config(RUNTIME_MONITOR_AGGREGATION);

		if (level >= (incoming ? AGGREGATION_LOW : AGGREGATION_MEDIUM))
			return false;
	}
	return runtime_config(RUNTIME_EVENTS) & RUNTIME_EVENT_TRACE;
}

__verified_alone int send_trace_event(struct __sk_buff *skb, const struct packet *packet, __u32 point,
				      __u32 destination_endpoint, __u32 ifindex)
{
	struct trace_record *record;

	if (!packet)
		return 0;
	record = bpf_ringbuf_reserve(&cilium_events, sizeof(*record), 0);
	if (!record) {
		count_lost_event();
		return 0;
	}
	__builtin_memset(&record->event, 0, sizeof(record->event));
	record->event.source_identity = packet->source_identity;
	record->event.destination_identity = packet->destination_identity;
	record->event.destination_endpoint = destination_endpoint;
	record->event.reason = packet->reason;
	record->event.flags = packet->family == FAMILY_IPV6 ? EVENT_F_IPV6 : 0;
	record->event.ifindex = ifindex;
	fill_event_header(skb, &record->event.header, EVENT_TRACE, point, packet->endpoint);
	record->event.header.version = 2;
	capture_packet(skb, record->bytes);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __always_inline void trace(struct __sk_buff *skb, const struct packet *packet, enum trace_point point,
				  __u16 destination_endpoint, __u32 ifindex)
{
	if (unlikely(trace_wanted(packet, point)))
		send_trace_event(skb, packet, point, destination_endpoint, ifindex);
}
