/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records of the ring buffer cilium_events. Headers and bodies have the layout that Cilium's monitor has;
 * what we add stands behind it. len_cap bytes of packet follow each body.
 */
#pragma once
#include "address.h"

enum event_type {
	EVENT_DROP = 1,
	EVENT_DEBUG = 2,
	EVENT_CAPTURE = 3,
	EVENT_TRACE = 4,
	EVENT_POLICY_VERDICT = 5,
};

#define EVENT_CAPTURE_LENGTH 128

struct event_header {
	__u8 type;
	__u8 subtype;		/* drop reason or observation point */
	__u16 source;		/* endpoint id of the program, 0: host */
	__u32 hash;
	__u32 len_orig;
	__u16 len_cap;
	__u8 version;
	__u8 ext_version;
};

enum trace_point {
	TRACE_TO_ENDPOINT = 0, TRACE_TO_PROXY = 1, TRACE_TO_HOST = 2, TRACE_TO_STACK = 3, TRACE_TO_OVERLAY = 4,
	TRACE_FROM_ENDPOINT = 5, TRACE_FROM_PROXY = 6, TRACE_FROM_HOST = 7, TRACE_FROM_STACK = 8,
	TRACE_FROM_OVERLAY = 9, TRACE_FROM_NETWORK = 10, TRACE_TO_NETWORK = 11, TRACE_FROM_CRYPTO = 12,
	TRACE_TO_CRYPTO = 13,
};

enum trace_reason {
	TRACE_REASON_NEW = 0, TRACE_REASON_ESTABLISHED = 1, TRACE_REASON_REPLY = 2, TRACE_REASON_RELATED = 3,
	TRACE_REASON_REOPENED = 4, TRACE_REASON_UNKNOWN = 5,
};

enum event_flags { EVENT_F_IPV6 = 1, EVENT_F_L3_DEVICE = 2, EVENT_F_VXLAN = 4, EVENT_F_GENEVE = 8 };

struct trace_event {
	struct event_header header;
	__u32 source_identity;
	__u32 destination_identity;
	__u16 destination_endpoint;
	__u8 reason;
	__u8 flags;
	__u32 ifindex;
	union ip_address original_address;
	__u64 ip_trace_id;
};

struct drop_event {
	struct event_header header;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 destination_endpoint;
	__u16 line;
	__u8 file;
	__s8 ext_error;
	__u32 ifindex;
	__u8 flags;
	__u8 direction;		/* enum policy_direction */
	__u8 pad[2];
	__u64 ip_trace_id;
	__u32 cookie;		/* rule that denied it; 0: default deny or no rule */
	__u32 policy_set;	/* set in which nothing matched */
};

/* flags of a verdict: direction in the lowest two bits, enum policy_match from VERDICT_MATCH_SHIFT on, and these. */
enum verdict_flags { VERDICT_F_IPV6 = 0x4, VERDICT_F_AUDITED = 0x40, VERDICT_F_L3_DEVICE = 0x80 };

#define VERDICT_MATCH_SHIFT 3
struct policy_verdict_event {
	struct event_header header;
	__u32 remote_identity;
	__s32 verdict;		/* 0 allow, > 0 proxy port, < 0 drop reason */
	__u16 destination_port;
	__u8 protocol;
	__u8 flags;
	__u8 auth_type;
	__u8 staged;		/* enum policy_staged */
	__u8 pad[2];
	__u32 cookie;
	__u32 policy_set;
	__u32 staged_cookie;
	__u32 pad2;
};
