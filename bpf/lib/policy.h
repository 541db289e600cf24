/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Asking a policy set. */
#pragma once
#include "../maps/identities.h"
#include "../maps/policy.h"
#include "config.h"
#include "drop.h"
#include "hits.h"
#include "verdict.h"

#define ANY_PORT_BITS 8		/* of prefix_bits: the protocol alone */
#define ONE_PORT_BITS 24

/* What a peer asks, with the check taken off. */
struct peer_lists {
	__u32 ports;
	__u32 widths;
};

/* Looks a peer up; an entry that changes hands under our eyes is looked up again. */
static __always_inline bool find_peer_lists(__u32 set, __u32 identity, struct peer_lists *lists)
{
	struct policy_peer_key key = { .set = set, .identity = identity };
	__u32 check = (set * (__u32)POLICY_CHECK_SET) ^ (identity * (__u32)POLICY_CHECK_IDENTITY);
	const volatile __u64 *peer;
	__u64 word;

	for (int tries = 0; tries < 3; tries++) {
		peer = bpf_map_lookup_elem(&cilium_policy_v2_peers, &key);
		if (!peer)
			return false;
		word = *peer;
		lists->ports = (__u32)word & ((1U << POLICY_PORTS_BITS) - 1);
		lists->widths = (__u32)(word >> 32) & ((1U << POLICY_WIDTHS_BITS) - 1);
		if (likely((((__u32)word >> POLICY_PORTS_BITS) |
			    ((__u32)(word >> (32 + POLICY_WIDTHS_BITS)) << (32 - POLICY_PORTS_BITS))) == check >> 12))
			return true;
	}
	/* Whoever it was about, not this peer: no list, which denies. */
	lists->ports = 0;
	lists->widths = 0;
	return true;
}

/* The list's entry of exactly this protocol and so many bits of the port. */
static __always_inline const struct policy_entry *entry_of_width(const struct peer_lists *peer, __u8 protocol,
								 __u16 port, __u8 prefix_bits)
{
	struct policy_port_key key = {
		.ports = peer->ports,
		.protocol = protocol,
		.prefix_bits = prefix_bits,
		.dport = bpf_htons(port),
	};

	return bpf_map_lookup_elem(&cilium_policy_v2_ports, &key);
}

/* The narrowest entry of the peer's list that covers the packet. Widths that the list has not are not asked for. */
static __always_inline const struct policy_entry *find_entry(const struct peer_lists *peer, __u8 protocol, __u16 port)
{
	const struct policy_entry *entry = NULL;
	__u32 widths = peer->widths;

	if (widths & POLICY_WIDTH_ONE_PORT)
		entry = entry_of_width(peer, protocol, port, ONE_PORT_BITS);
	if (!entry && unlikely(widths & POLICY_WIDTH_RANGES)) {
		for (int bits = 15; bits > 0 && !entry; bits--) {
			if (widths & (1U << bits))
				entry = entry_of_width(peer, protocol, port & (0xffff0000U >> bits),
						       ANY_PORT_BITS + bits);
		}
	}
	if (!entry && (widths & POLICY_WIDTH_ANY_PORT))
		entry = entry_of_width(peer, protocol, 0, ANY_PORT_BITS);
	if (!entry && (widths & POLICY_WIDTH_ANY_PROTOCOL))
		entry = entry_of_width(peer, 0, 0, 0);
	return entry;
}

/* The entry that decides; NULL: none. anybody: it is not about this very peer. */
static __always_inline const struct policy_entry *find_policy(const struct packet *packet,
							      const struct policy_question *question, bool *anybody)
{
	const struct policy_entry *entry;
	struct peer_lists lists;

	*anybody = !find_peer_lists(packet->policy_set, question->identity, &lists);
	if (*anybody && !find_peer_lists(packet->policy_set, 0, &lists))
		return NULL;
	entry = find_entry(&lists, packet->protocol, bpf_ntohs(question->port));
	if (entry && (entry->flags & POLICY_ENTRY_ANYBODY))
		*anybody = true;
	return entry;
}

static __always_inline __u8 match_type(const struct policy_entry *entry, bool anybody)
{
	if (!entry || (entry->flags & POLICY_ENTRY_DEFAULT))
		return POLICY_MATCH_NONE;
	if (entry->prefix_bits == 0)
		return anybody ? POLICY_MATCH_ALL : POLICY_MATCH_L3_ONLY;
	if (entry->prefix_bits == ANY_PORT_BITS)
		return anybody ? POLICY_MATCH_PROTO_ONLY : POLICY_MATCH_L3_PROTO;
	return anybody ? POLICY_MATCH_L4_ONLY : POLICY_MATCH_L3_L4;
}

/* Is the sets' answer that nothing allows a peer no answer, since they do not know the peer's identity yet? */
static __always_inline bool is_unknown_peer(__u32 identity)
{
	__u32 complete = KNOWN_IDENTITIES_COMPLETE;

	if (identity < IDENTITY_FIRST_POD || identity >= IDENTITY_FIRST_LOCAL)
		return false;
	return !bpf_map_lookup_elem(&cilium_identities, &identity) && bpf_map_lookup_elem(&cilium_identities, &complete);
}

/* Nothing allows the packet. */
static __always_inline int deny_by_default(struct packet *packet, const struct policy_question *question)
{
	if (is_unknown_peer(question->identity))
		return drop(packet, DROP_UNKNOWN_IDENTITY);
	return drop(packet, DROP_POLICY);
}

static __always_inline int judge_entry(struct packet *packet, struct policy_question *question,
				       const struct policy_entry *entry)
{
	packet->cookie = entry ? entry->cookie : 0;
	if (!entry)
		return deny_by_default(packet, question);
	question->staged = entry->staged;
	question->staged_cookie = entry->staged_cookie;
	if (entry->verdict == POLICY_DENY && (entry->flags & POLICY_ENTRY_DEFAULT))
		return deny_by_default(packet, question);
	if (entry->verdict == POLICY_DENY)
		return drop(packet, DROP_POLICY_DENY);
	/* Nothing behind us redirects or authenticates yet: fail closed. */
	if (entry->proxy_port)
		return drop(packet, DROP_PROXY_UNSUPPORTED);
	if (entry->auth_type)
		return drop(packet, DROP_AUTH_REQUIRED);
	question->audited = entry->verdict != POLICY_ALLOW;
	return 0;
}

/* May the remote identity and the endpoint talk, by packet->policy_set? Fills the answer and returns its verdict. */
__verified_alone int ask_policy(struct packet *packet, struct policy_question *question)
{
	const struct policy_entry *entry;
	bool anybody;

	if (!packet || !question)
		return -DROP_POLICY;
	entry = find_policy(packet, question, &anybody);
	question->match = match_type(entry, anybody);
	question->verdict = judge_entry(packet, question, entry);
	if (question->verdict && question->audit) {
		question->verdict = 0;
		question->audited = 1;
	}
	count_decision(packet->cookie, question);
	return question->verdict;
}
