/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Opening a translated flow: looking for a port that nobody has, and writing the flow's entries. */
#pragma once
#include "nat.h"

#define EEXIST 17	/* linux/errno.h */

/* Looking for a port: bpf_loop() calls nat_try_port() with it. */
struct nat_search {
	struct nat_side in;	/* but for the port in the key */
	__u32 first;		/* a port of the range, found from the flow */
	__u32 now;
	__u32 tries;
	__u16 wanted;		/* the flow's own port; 0: it is not to be kept */
	__s16 error;		/* of writing; 0: all ports that were tried are taken */
	__u32 found;
	__u32 family;
};

/* Takes the place of an entry that has expired. Two may try, one gets it. */
static __always_inline bool nat_take_over(struct nat_entry *entry, const struct nat_search *search, int family)
{
	__u32 expired = entry->expires;

	if (expired > search->now)
		return false;
	if (__sync_val_compare_and_swap(&entry->expires, expired, search->in.entry.expires) != expired)
		return false;
	return nat_write(&search->in, BPF_ANY, family) == 0;
}

static __always_inline bool nat_claim(struct nat_search *search, int family)
{
	/* Kernels before 6.4 give 32 bits, which are no negative number among 64. */
	int error = nat_write(&search->in, BPF_NOEXIST, family);
	struct nat_entry *entry;

	if (!error)
		return true;
	if (error != -EEXIST) {
		search->error = error;
		return false;
	}
	entry = nat_find(&search->in.key, family);
	/* Gone in between: the next try is as good. */
	if (!entry)
		return false;
	/* Another packet of the flow, on another CPU. */
	if (entry->expires > search->now && nat_leads_to(entry, &search->in.entry, family))
		return true;
	return nat_take_over(entry, search, family);
}

static long nat_try_port(__u32 index, void *context)
{
	struct nat_search *search = context;
	__u32 range = (__u32)nat_port_max - nat_port_min + 1, port;

	if (index == 0 && search->wanted)
		port = search->wanted;
	else if (index == (search->wanted ? 1 : 0))
		port = search->first;
	else
		port = nat_port_min + bpf_get_prandom_u32() % range;
	search->tries = index;
	if (search->family == FAMILY_IPV4) {
		search->in.key.v4.remote_port = bpf_htons(port);
		search->found = nat_claim(search, FAMILY_IPV4);
	} else {
		search->in.key.v6.remote_port = bpf_htons(port);
		search->found = nat_claim(search, FAMILY_IPV6);
	}
	return search->found || search->error;
}

static __always_inline void count_nat_tries(__u32 tries, int family)
{
	__u32 *count = family == FAMILY_IPV4 ? bpf_map_lookup_elem(&cilium_snat_v4_alloc_retries, &tries) :
					       bpf_map_lookup_elem(&cilium_snat_v6_alloc_retries, &tries);

	if (count)
		(*count)++;
}

/* Where the search for a port begins: the same for the same flow, so that it finds its port again. */
static __always_inline __u32 nat_first_port(const union ct_key *key, int family)
{
	__u32 range = (__u32)nat_port_max - nat_port_min + 1;
	__u64 mixed = key->words[0] ^ key->words[1];

	if (family == FAMILY_IPV6)
		mixed ^= key->words[2] ^ key->words[3] ^ key->words[4];
	/* Pods' addresses differ in the last byte of the word, which a product takes nowhere. */
	mixed = (mixed ^ mixed >> 32) * 0x9e3779b97f4a7c15ULL;
	return nat_port_min + (__u32)(mixed >> 32) % range;
}

/* Finds a port for a new flow and writes its entry for answers: own->key is NAT_OUT, own->entry says the address to take,
 * and gets the rest. 0 or what drop() gives.
 */
__verified_alone int nat_find_port(struct packet *packet, struct nat_side *own, int family)
{
	struct nat_search search = {};
	__be16 port;

	if (!packet || !own)
		return -DROP_NAT_NO_MAPPING;
	own->entry.flags = (own->entry.flags & NAT_F_KIND) | ct_packet_flags(packet, false);
	own->entry.created = packet->now;
	own->entry.expires = packet->now + ct_lifetime(packet, own->entry.flags);
	own->entry.tick = packet->tick;
	port = packet->source_port;
	own->entry.port = port;
	if (family == FAMILY_IPV4) {
		nat_other_side(own, &search.in, NAT_OUT, FAMILY_IPV4);
		search.first = nat_first_port(&own->key, FAMILY_IPV4);
	} else {
		nat_other_side(own, &search.in, NAT_OUT, FAMILY_IPV6);
		search.first = nat_first_port(&own->key, FAMILY_IPV6);
	}
	search.wanted = in_nat_range(port) ? bpf_ntohs(port) : 0;
	search.now = packet->now;
	search.family = family;
	bpf_loop(NAT_RETRIES, nat_try_port, &search, 0);
	count_nat_tries(search.found ? search.tries : NAT_RETRIES, family);
	if (!search.found)
		return search.error ? drop(packet, DROP_CT_INSERT_FAILED) : drop(packet, DROP_NAT_NO_MAPPING);
	own->entry.port = nat_key_ports(&search.in.key, family) >> 16;
	return 0;
}

/* Opens a flow from flow->key's source, which becomes `address`; flow->entry is what it becomes. That is written to the
 * sender's conntrack entry, if it is given. 0 or what drop() gives.
 */
static __always_inline int nat_open(struct packet *packet, struct nat_side *flow, const union ip_address *address,
				    struct ct_entry *sender, __u16 flags, int family)
{
	int verdict;

	__builtin_memset(&flow->entry, 0, sizeof(flow->entry));
	flow->entry.address = *address;
	flow->entry.flags = flags | (sender ? NAT_F_TRACKED : 0);
	verdict = nat_find_port(packet, flow, family);
	if (verdict)
		return verdict;
	if (sender) {
		nat_track(sender, &flow->entry.address, flow->entry.port);
		return 0;
	}
	/* Where this fails, the next packet finds the other entry, and with it its port. */
	return nat_write(flow, BPF_ANY, family) ? drop(packet, DROP_CT_INSERT_FAILED) : 0;
}
