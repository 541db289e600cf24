/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What pods send on flows whose translation stands in their conntrack entry: the entry for answers learns how the flow
 * stands, and is put back when the table has lost it.
 */
#pragma once
#include "nat.h"

#define NAT_CT_FLAGS (CT_CLOSING | CT_F_SEEN_NON_SYN | CT_F_RESET | CT_F_REPLIED)

/* The entry for answers, as the flow implies it. */
static __always_inline void nat_answers_of(const struct packet *packet, const struct ct_entry *flow, struct nat_side *in,
					   int family)
{
	union ip_address outside __in_words = flow->tunnel_endpoint;

	fill_nat_key(&in->key, &packet->destination, &outside, packet->destination_port | (__u32)flow->nat_port << 16,
		     packet->protocol, NAT_IN, family);
	__builtin_memset(&in->entry, 0, sizeof(in->entry));
	in->entry.address = packet->source;
	in->entry.port = packet->source_port;
	in->entry.endpoint = packet->endpoint;
}

/* What conntrack knows of the flow, and what the entry does: it may have seen an answer that conntrack has yet to see. */
static __always_inline __u16 nat_flow_flags(const struct packet *packet, const struct ct_entry *flow,
					    const struct nat_entry *entry)
{
	bool opening = opens_connection(packet);

	return NAT_F_TRACKED | ((flow->flags | (opening ? 0 : entry->flags)) & NAT_CT_FLAGS);
}

/* False: the flow has lost its port to another one. */
static __always_inline bool nat_tell(struct packet *packet, struct ct_entry *flow, int family)
{
	struct nat_side in;
	struct nat_entry *entry;
	__u16 flags;
	__u32 expires;

	read_fine_clock(packet);
	nat_answers_of(packet, flow, &in, family);
	entry = nat_find(&in.key, family);
	flags = nat_flow_flags(packet, flow, entry ? entry : &in.entry);
	expires = packet->now + ct_lifetime(packet, flags);
	if (!entry) {
		in.entry.flags = flags;
		in.entry.expires = expires;
		in.entry.created = packet->now;
		in.entry.tick = packet->tick;
		return nat_write(&in, BPF_NOEXIST, family) == 0;
	}
	if (!nat_leads_to(entry, &in.entry, family))
		return false;
	if (entry->flags != flags)
		entry->flags = flags;
	if (entry->expires != expires)
		entry->expires = expires;
	if (entry->tick != packet->tick)
		entry->tick = packet->tick;
	if (packet->endpoint && entry->endpoint != packet->endpoint)
		entry->endpoint = packet->endpoint;
	return true;
}

/* The flow's own packet is at hand, and goes out. False: it has no port any more. */
__verified_alone int nat_keep(struct packet *packet, struct ct_entry *flow, int family)
{
	bool kept;

	if (!packet || !flow)
		return false;
	kept = family == FAMILY_IPV4 ? nat_tell(packet, flow, FAMILY_IPV4) : nat_tell(packet, flow, FAMILY_IPV6);
	if (!kept)
		flow->nat_port = 0;
	return kept;
}
