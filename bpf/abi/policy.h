/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy sets. Endpoints whose resolved policy is equal share one set.
 *
 * The programs ask, in this order, and the first entry found decides:
 *   1. exact  {set, identity, port, protocol}     3. exact  {set, 0, port, protocol}
 *   2. prefix {set, identity, protocol/port*}     4. prefix {set, 0, protocol/port*}
 * User space writes entries so that this order gives the right answer (denies included).
 */
#pragma once
#include <linux/types.h>

enum policy_direction { DIRECTION_UNKNOWN = 0, DIRECTION_INGRESS = 1, DIRECTION_EGRESS = 2 };

/* cilium_policy_v2_exact (hash). */
struct policy_key {
	__u32 set;
	__u32 identity;		/* 0: any */
	__u8 direction;
	__u8 protocol;
	__be16 dport;		/* ICMP: the type, in network order */
};

/* Bits of prefixlen before the protocol: set, identity and direction. */
#define POLICY_PREFIX_BASE 72

/* cilium_policy_v2_prefix (LPM trie): any protocol /72, any port /80, port ranges /81../96. */
struct policy_prefix_key {
	__u32 prefixlen;
	__u32 set;
	__u32 identity;
	__u8 direction;
	__u8 protocol;
	__be16 dport;
};

enum policy_verdict { POLICY_ALLOW = 0, POLICY_DENY = 1, POLICY_AUDIT = 2 };

/* POLICY_ENTRY_DEFAULT: the entry stands for no rule at all. With POLICY_DENY it is the default deny, with POLICY_AUDIT
 * that of audited policies alone, with POLICY_ALLOW a direction that only staged policies would enforce.
 */
enum policy_entry_flags { POLICY_ENTRY_DEFAULT = 1 };

/* What would be with the staged policies in force too; STAGED_NONE: none selects the endpoint in this direction. */
enum policy_staged { STAGED_NONE = 0, STAGED_ALLOW = 1, STAGED_DENY = 2, STAGED_DEFAULT_DENY = 3 };

struct policy_entry {
	__u32 cookie;		/* names the rule; 0: none */
	__be16 proxy_port;
	__u8 verdict;		/* enum policy_verdict */
	__u8 auth_type;
	__u8 prefix_bits;	/* prefixlen - POLICY_PREFIX_BASE: 0 any protocol, 8 any port, 24 one port (exact entries) */
	__u8 flags;		/* enum policy_entry_flags */
	__u8 staged;		/* enum policy_staged */
	__u8 pad;
	__u32 staged_cookie;
};

/* Which kind of entry decided; numbers of the policy verdict event. */
enum policy_match {
	POLICY_MATCH_NONE = 0,
	POLICY_MATCH_L3_ONLY = 1,
	POLICY_MATCH_L3_L4 = 2,
	POLICY_MATCH_L4_ONLY = 3,
	POLICY_MATCH_ALL = 4,
	POLICY_MATCH_L3_PROTO = 5,
	POLICY_MATCH_PROTO_ONLY = 6,
};
