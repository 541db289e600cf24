/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Asking a policy set. */
#pragma once
#include "../maps/policy.h"
#include "drop.h"
#include "endpoint.h"
#include "verdict.h"

/* The first entry in the order of abi/policy.h. from_exact and any_identity say where it stood. */
static __always_inline const struct policy_entry *find_policy(const struct policy_key *question, bool *from_exact,
							      bool *any_identity)
{
	struct policy_key exact = *question;
	struct policy_prefix_key prefix = {
		.prefixlen = POLICY_PREFIX_BASE + 24,
		.set = question->set,
		.identity = question->identity,
		.direction = question->direction,
		.protocol = question->protocol,
		.dport = question->dport,
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
	if (!from_exact && entry->prefix_bits == 0)
		return any_identity ? POLICY_MATCH_ALL : POLICY_MATCH_L3_ONLY;
	if (!from_exact && entry->prefix_bits == 8)
		return any_identity ? POLICY_MATCH_PROTO_ONLY : POLICY_MATCH_L3_PROTO;
	return any_identity ? POLICY_MATCH_L4_ONLY : POLICY_MATCH_L3_L4;
}

static __always_inline int judge_entry(struct packet *packet, const struct policy_entry *entry,
				       struct policy_answer *answer)
{
	if (!entry)
		return drop(packet, DROP_POLICY);
	packet->cookie = entry->cookie;
	if (entry->verdict == POLICY_DENY)
		return drop(packet, DROP_POLICY_DENY);
	/* Nothing behind us redirects or authenticates yet: fail closed. */
	if (entry->proxy_port)
		return drop(packet, DROP_PROXY_UNSUPPORTED);
	if (entry->auth_type)
		return drop(packet, DROP_AUTH_REQUIRED);
	if (entry->verdict != POLICY_ALLOW)
		answer->audited = 1;
	return 0;
}

/* May the remote identity and the endpoint talk in the direction on that port? Fills answer, packet->cookie and
 * packet->policy_set.
 */
static __always_inline void ask_policy(struct packet *packet, const struct endpoint_config *endpoint, __u8 direction,
				       __u32 identity, __be16 port, struct policy_answer *answer)
{
	bool ingress = direction == DIRECTION_INGRESS, from_exact, any_identity;
	struct policy_key question = { .identity = identity, .direction = direction, .protocol = packet->protocol, .dport = port };
	const struct policy_entry *entry;

	__builtin_memset(answer, 0, sizeof(*answer));
	packet->cookie = 0;
	packet->policy_set = 0;
	if (!(endpoint->flags & (ingress ? ENDPOINT_ENFORCE_INGRESS : ENDPOINT_ENFORCE_EGRESS)))
		return;
	question.set = ingress ? endpoint->ingress_set : endpoint->egress_set;
	packet->policy_set = question.set;
	entry = find_policy(&question, &from_exact, &any_identity);
	answer->asked = 1;
	answer->match = entry ? match_type(entry, from_exact, any_identity) : POLICY_MATCH_NONE;
	answer->verdict = judge_entry(packet, entry, answer);
	if (answer->verdict < 0 && (endpoint->flags & ENDPOINT_AUDIT)) {
		answer->verdict = 0;
		answer->audited = 1;
	}
}
