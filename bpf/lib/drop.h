/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Dropping: a parser says "return drop(packet, REASON)", the program's entry reports and counts it. */
#pragma once
#include "event.h"
#include "metrics.h"
#include "monitor.h"

#define FILE_IS(name) (__builtin_strcmp(__FILE_NAME__, name) == 0)

/* Folded to a constant; the names are those of enum source_file. */
#define THIS_FILE                                                                  \
	(FILE_IS("host.bpf.c") ? FILE_HOST :                                       \
	 FILE_IS("container.bpf.c") ? FILE_CONTAINER :                             \
	 FILE_IS("overlay.bpf.c") ? FILE_OVERLAY :                                 \
	 FILE_IS("entry.bpf.c") ? FILE_ENTRY :                                     \
	 FILE_IS("underlay.bpf.c") ? FILE_FROM_UNDERLAY :                          \
	 FILE_IS("icmp.h") ? FILE_ICMP :                                           \
	 FILE_IS("ipv4.h") ? FILE_IPV4 :                                           \
	 FILE_IS("conntrack.h") ? FILE_CONNTRACK :                                 \
	 FILE_IS("judge.h") ? FILE_JUDGE :                                         \
	 FILE_IS("local_delivery.h") ? FILE_LOCAL_DELIVERY :                       \
	 FILE_IS("encap.h") ? FILE_ENCAP :                                         \
	 FILE_IS("ipv6.h") ? FILE_IPV6 :                                           \
	 FILE_IS("arp.h") ? FILE_ARP :                                             \
	 FILE_IS("ndp.h") ? FILE_NDP :                                             \
	 FILE_IS("fragment.h") ? FILE_FRAGMENT :                                   \
	 FILE_IS("l4.h") ? FILE_L4 :                                               \
	 FILE_IS("policy.h") ? FILE_POLICY :                                       \
	 FILE_IS("netdev.bpf.c") ? FILE_NETDEV :                                   \
	 FILE_IS("host_firewall.h") ? FILE_HOST_FIREWALL :                         \
	 FILE_IS("nat.h") ? FILE_NAT :                                             \
	 FILE_IS("nat_port.h") ? FILE_NAT_PORT :                                   \
	 FILE_IS("enter_pod.h") ? FILE_ENTER_POD :                                 \
	 FILE_IS("masquerade.h") ? FILE_MASQUERADE :                               \
	 FILE_IS("unmasquerade.h") ? FILE_UNMASQUERADE :                           \
	 FILE_IS("nat_rewrite.h") ? FILE_NAT_REWRITE :                             \
	 FILE_IS("ipvlan.h") ? FILE_IPVLAN :                                       \
	 FILE_IS("pod.bpf.c") ? FILE_POD :                                         \
	 FILE_IS("underlay.h") ? FILE_UNDERLAY : FILE_UNKNOWN)

#define drop(packet, reason)                                                       \
	({                                                                         \
		_Static_assert(THIS_FILE != FILE_UNKNOWN, "add the file to enum source_file"); \
		(packet)->drop_file = THIS_FILE;                                   \
		(packet)->drop_line = __LINE__;                                    \
		-(int)(reason);                                                    \
	})

struct drop_record {
	struct drop_event event;
	__u8 bytes[EVENT_CAPTURE_LENGTH];
};

static __always_inline void send_drop_event(struct __sk_buff *skb, const struct packet *packet, __u8 reason)
{
	struct drop_record *record;

	if (!(monitor_events(packet->endpoint) & RUNTIME_EVENT_DROP))
		return;
	record = bpf_ringbuf_reserve(&cilium_events, sizeof(*record), 0);
	if (!record) {
		count_lost_event();
		return;
	}
	__builtin_memset(&record->event, 0, sizeof(record->event));
	record->event.source_identity = packet->source_identity;
	record->event.destination_identity = packet->destination_identity;
	record->event.destination_endpoint = packet->direction == DIRECTION_INGRESS ? packet->endpoint : packet->peer_endpoint;
	record->event.line = packet->drop_line;
	record->event.file = packet->drop_file;
	record->event.ifindex = skb->ifindex;
	record->event.flags = packet->family == FAMILY_IPV6 ? EVENT_F_IPV6 : 0;
	record->event.direction = packet->direction;
	record->event.cookie = packet->cookie;
	record->event.policy_set = packet->policy_set;
	fill_event_header(skb, &record->event.header, EVENT_DROP, reason, packet->endpoint);
	record->event.header.version = 3;
	record->event.header.ext_version = 1;
	capture_packet(skb, record->bytes);
	bpf_ringbuf_submit(record, 0);
}

/* The end of a dropped packet; verdict is what drop() gave. */
static __always_inline int drop_packet(struct __sk_buff *skb, const struct packet *packet, int verdict)
{
	__u8 reason = -verdict;

	count_packet(skb, reason, packet->direction, packet->drop_line, packet->drop_file);
	send_drop_event(skb, packet, reason);
	return TC_ACT_SHOT;
}
