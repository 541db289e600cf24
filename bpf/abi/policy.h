/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy sets. Endpoints whose resolved policy is equal share one set; peers that a policy treats alike share one list
 * of ports, in all sets.
 *
 * The programs ask for the peer, {set, identity} or else {set, 0}, which names its list; of the list's entries that
 * cover the packet the narrowest decides. A list never changes while a peer names it, and holds all that is to be said
 * about its peers, what the set says about anybody included: so one write changes everything about a peer at once.
 */
#pragma once
#include <linux/types.h>

enum policy_direction { DIRECTION_UNKNOWN = 0, DIRECTION_INGRESS = 1, DIRECTION_EGRESS = 2 };

/* cilium_policy_v2_peers (hash). */
struct policy_peer_key {
	__u32 set;
	__u32 identity;		/* 0: whoever has no entry of their own */
};

/* Which entries a list has: bit n for port prefixes of n bits, from 0 (any port) to 16 (one port). And for who reads the
 * map, the direction of the peer's set.
 */
enum policy_width {
	POLICY_WIDTH_ANY_PORT = 1,
	POLICY_WIDTH_RANGES = 0xfffe,
	POLICY_WIDTH_ONE_PORT = 0x10000,
	POLICY_WIDTH_ANY_PROTOCOL = 0x20000,
	POLICY_PEER_EGRESS = 0x40000,
};

/* 8 bytes, read at once: an entry of the map is one cache line. The kernel gives the memory of an entry that was replaced
 * to the next one written, so what a program reads there may be about another peer by then; the check tells. It is 20
 * bits of (set * POLICY_CHECK_SET ^ identity * POLICY_CHECK_IDENTITY), from bit 12 on: the lower 8 in ports, the rest in
 * widths.
 */
struct policy_peer {
	__u32 ports;		/* number of the list: 24 bits, then 8 of the check */
	__u32 widths;		/* enum policy_width: 20 bits, then 12 of the check */
};

#define POLICY_CHECK_SET 2654435761
#define POLICY_CHECK_IDENTITY 2246822507
#define POLICY_PORTS_BITS 24
#define POLICY_WIDTHS_BITS 20

/* cilium_policy_v2_ports (hash). */
struct policy_port_key {
	__u32 ports;
	__u8 protocol;		/* 0: any */
	__u8 prefix_bits;	/* protocol and port: 0 any protocol, 8 any port, 9..23 port ranges, 24 one port */
	__be16 dport;		/* ICMP: the type, in network order; bits behind the prefix are 0 */
};

enum policy_verdict { POLICY_ALLOW = 0, POLICY_DENY = 1, POLICY_AUDIT = 2 };

/* POLICY_ENTRY_DEFAULT: the entry stands for no rule at all. With POLICY_DENY it is the default deny, with POLICY_AUDIT
 * that of audited policies alone, with POLICY_ALLOW a direction that only staged policies would enforce.
 * POLICY_ENTRY_ANYBODY: the rule is about any peer, though the list is of named ones.
 */
enum policy_entry_flags { POLICY_ENTRY_DEFAULT = 1, POLICY_ENTRY_ANYBODY = 2 };

/* What would be with the staged policies in force too; STAGED_NONE: none selects the endpoint in this direction. */
enum policy_staged { STAGED_NONE = 0, STAGED_ALLOW = 1, STAGED_DENY = 2, STAGED_DEFAULT_DENY = 3 };

struct policy_entry {
	__u32 cookie;		/* names the rule; 0: none */
	__be16 proxy_port;
	__u8 verdict;		/* enum policy_verdict */
	__u8 auth_type;
	__u8 prefix_bits;	/* as in the key */
	__u8 flags;		/* enum policy_entry_flags */
	__u8 staged;		/* enum policy_staged */
	__u8 pad;
	__u32 staged_cookie;
};

/* cilium_identities: the key that says that all identities are in. */
#define KNOWN_IDENTITIES_COMPLETE 0

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
