/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Trace events: where a packet passed. */
#pragma once
#include "event.h"
#include "monitor.h"

struct trace_record {
	struct trace_event event;
	__u8 bytes[EVENT_CAPTURE_LENGTH];
};

/* Points where packets come in only say what those where they leave say again. */
static __always_inline bool comes_in(enum trace_point point)
{
	return point >= TRACE_FROM_ENDPOINT && point <= TRACE_FROM_NETWORK;
}

/* Does this aggregation level leave it out? */
static __always_inline bool summed_up(const struct packet *packet, enum trace_point point, __u64 level)
{
	return comes_in(point) ? level >= AGGREGATION_LOW : !packet->report && level >= AGGREGATION_MEDIUM;
}

/* Could anybody want it? For every packet, so it asks for no endpoint's own options. */
static __always_inline bool trace_wanted(const struct packet *packet, enum trace_point point)
{
	if ((comes_in(point) || !packet->report) && summed_up(packet, point, runtime_config(RUNTIME_ANY_AGGREGATION)))
		return false;
	return runtime_config(RUNTIME_ANY_EVENTS) & RUNTIME_EVENT_TRACE;
}

__verified_alone int send_trace_event(struct __sk_buff *skb, const struct packet *packet, __u32 point,
				      __u32 destination_endpoint, __u32 ifindex)
{
	struct trace_record *record;

	if (!packet || !(monitor_events(packet->endpoint) & RUNTIME_EVENT_TRACE) ||
	    summed_up(packet, point, monitor_level(packet->endpoint)))
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
