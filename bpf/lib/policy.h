/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Asking a policy set. */
#pragma once
#include "../maps/policy.h"
#include "drop.h"
#include "verdict.h"

/* The first entry in the order of abi/policy.h. from_exact and any_identity say where it stood. */
static __always_inline const struct policy_entry *find_policy(const struct packet *packet,
							      const struct policy_question *question,
							      bool *from_exact, bool *any_identity)
{
	struct policy_key exact = {
		.set = packet->policy_set,
		.identity = question->identity,
		.direction = question->direction,
		.protocol = packet->protocol,
		.dport = question->port,
	};
	struct policy_prefix_key prefix = {
		.prefixlen = POLICY_PREFIX_BASE + 24,
		.set = packet->policy_set,
		.identity = question->identity,
		.direction = question->direction,
		.protocol = packet->protocol,
		.dport = question->port,
	};
	const struct policy_entry *entry;

	for (int i = 0; i < 2; i++) {
		*any_identity = i == 1;
		*from_exact = true;
		entry = bpf_map_lookup_elem(&cilium_policy_v2_exact, &exact);
		if (entry)
			return entry;
		*from_exact = false;
		entry = bpf_map_lookup_elem(&cilium_policy_v2_prefix, &prefix);
		if (entry)
			return entry;
		exact.identity = 0;
		prefix.identity = 0;
	}
	return NULL;
}

static __always_inline __u8 match_type(const struct policy_entry *entry, bool from_exact, bool any_identity)
{
	if (!entry || (entry->flags & POLICY_ENTRY_DEFAULT))
		return POLICY_MATCH_NONE;
	if (!from_exact && entry->prefix_bits == 0)
		return any_identity ? POLICY_MATCH_ALL : POLICY_MATCH_L3_ONLY;
	if (!from_exact && entry->prefix_bits == 8)
		return any_identity ? POLICY_MATCH_PROTO_ONLY : POLICY_MATCH_L3_PROTO;
	return any_identity ? POLICY_MATCH_L4_ONLY : POLICY_MATCH_L3_L4;
}

static __always_inline int judge_entry(struct packet *packet, struct policy_question *question,
				       const struct policy_entry *entry)
{
	if (!entry)
		return drop(packet, DROP_POLICY);
	packet->cookie = entry->cookie;
	question->staged = entry->staged;
	question->staged_cookie = entry->staged_cookie;
	if (entry->verdict == POLICY_DENY)
		return drop(packet, entry->flags & POLICY_ENTRY_DEFAULT ? DROP_POLICY : DROP_POLICY_DENY);
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
	bool from_exact, any_identity;

	if (!packet || !question)
		return -DROP_POLICY;
	entry = find_policy(packet, question, &from_exact, &any_identity);
	question->match = match_type(entry, from_exact, any_identity);
	question->verdict = judge_entry(packet, question, entry);
	if (question->verdict && question->audit) {
		question->verdict = 0;
		question->audited = 1;
	}
	return question->verdict;
}
