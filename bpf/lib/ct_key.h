/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Conntrack's keys, and the maps that they are looked up in. */
#pragma once
#include "../maps/conntrack.h"
#include "packet.h"

/* Written in whole words: the kernel reads it in such, and would wait for smaller ones to reach the cache. */
union ct_key {
	struct ct4_key v4;
	struct ct6_key v6;
	__u64 words[5];
};

_Static_assert(sizeof(struct ct4_key) == 16 && sizeof(struct ct6_key) == 40, "in the order of fill_ct_key()");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fill_ct_key() puts the first field lowest");

/* ports: the local one lowest. */
static __always_inline void fill_ct_key(union ct_key *key, const union ip_address *local, const union ip_address *remote,
					__u32 ports, __u8 protocol, int family)
{
	__u64 rest = ports | (__u64)protocol << 32;

	if (family == FAMILY_IPV4) {
		key->words[0] = local->ipv4 | (__u64)remote->ipv4 << 32;
		key->words[1] = rest;
		__builtin_memset(key->words + 2, 0, sizeof(key->words) - 16);
	} else {
		__builtin_memcpy(key->words, __builtin_assume_aligned(local, 8), 16);
		__builtin_memcpy(key->words + 2, __builtin_assume_aligned(remote, 8), 16);
		key->words[4] = rest;
	}
}

static __always_inline void read_ct_key(const struct packet *packet, union ct_key *key, int family)
{
	bool egress = packet->direction == DIRECTION_EGRESS;
	__u32 source_port = packet->source_port, destination_port = packet->destination_port;

	fill_ct_key(key, egress ? &packet->source : &packet->destination, egress ? &packet->destination : &packet->source,
		    egress ? source_port | destination_port << 16 : destination_port | source_port << 16, packet->protocol,
		    family);
}

/* The entry, unless it expired before now. */
static __always_inline struct ct_entry *ct_lookup(const union ct_key *key, __u8 protocol, __u32 now, int family)
{
	struct ct_entry *entry;

	if (likely(protocol == IPPROTO_TCP)) {
		entry = family == FAMILY_IPV4 ? bpf_map_lookup_elem(&cilium_ct4_global, key) :
						bpf_map_lookup_elem(&cilium_ct6_global, key);
		/* Else the compiler makes one call of two, and the kernel inlines only look-ups whose map it knows. */
		asm volatile("" : "+r"(entry));
	} else {
		entry = family == FAMILY_IPV4 ? bpf_map_lookup_elem(&cilium_ct_any4_global, key) :
						bpf_map_lookup_elem(&cilium_ct_any6_global, key);
	}
	return entry && entry->expires > now ? entry : NULL;
}

static __always_inline long ct_update(const union ct_key *key, const struct ct_entry *entry, __u8 protocol, int family)
{
	if (family == FAMILY_IPV4)
		return protocol == IPPROTO_TCP ? bpf_map_update_elem(&cilium_ct4_global, key, entry, BPF_ANY) :
						 bpf_map_update_elem(&cilium_ct_any4_global, key, entry, BPF_ANY);
	return protocol == IPPROTO_TCP ? bpf_map_update_elem(&cilium_ct6_global, key, entry, BPF_ANY) :
					 bpf_map_update_elem(&cilium_ct_any6_global, key, entry, BPF_ANY);
}
