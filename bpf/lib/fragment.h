/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Fragments: the first one tells the later ones' ports. Ask only after the source address was checked. */
#pragma once
#include "../maps/fragments.h"
#include "l4.h"

static __always_inline struct frag4_key frag4_key_of(const struct packet *packet)
{
	return (struct frag4_key){
		.source = packet->source.ipv4,
		.destination = packet->destination.ipv4,
		.id = bpf_htons(bpf_ntohl(packet->fragment_id)),
		.protocol = packet->protocol,
	};
}

static __always_inline struct frag6_key frag6_key_of(const struct packet *packet)
{
	struct frag6_key key = { .id = packet->fragment_id, .protocol = packet->protocol };

	__builtin_memcpy(key.source, &packet->source, sizeof(key.source));
	__builtin_memcpy(key.destination, &packet->destination, sizeof(key.destination));
	return key;
}

static __always_inline struct frag_value *find_fragment(const struct packet *packet, int family)
{
	if (family == FAMILY_IPV4) {
		struct frag4_key key = frag4_key_of(packet);

		return bpf_map_lookup_elem(&cilium_ipv4_frag_datagrams, &key);
	} else {
		struct frag6_key key = frag6_key_of(packet);

		return bpf_map_lookup_elem(&cilium_ipv6_frag_datagrams, &key);
	}
}

static __always_inline int record_fragment(const struct packet *packet, int family)
{
	struct frag_value value = {
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
		.icmp_type = packet->icmp_type,
	};

	if (family == FAMILY_IPV4) {
		struct frag4_key key = frag4_key_of(packet);

		return bpf_map_update_elem(&cilium_ipv4_frag_datagrams, &key, &value, BPF_ANY);
	} else {
		struct frag6_key key = frag6_key_of(packet);

		return bpf_map_update_elem(&cilium_ipv6_frag_datagrams, &key, &value, BPF_ANY);
	}
}

/* Remembers a first fragment's ports, or gives a later one those of its first; 0 or what drop() gives. */
static __always_inline int track_fragment(struct packet *packet, int family)
{
	struct frag_value *value;

	if (packet->fragment == FRAGMENT_FIRST) {
		/* The packet that an ICMP error quotes is in its first bytes: nobody needs to fragment one. */
		if (packet->icmp_kind == KIND_ERROR)
			return drop(packet, DROP_FRAGMENT_UNSUPPORTED);
		if (record_fragment(packet, family))
			return drop(packet, DROP_FRAGMENT_UNSUPPORTED);
		return 0;
	}
	value = find_fragment(packet, family);
	if (!value)
		return drop(packet, DROP_FRAGMENT_NOT_FOUND);
	packet->source_port = value->source_port;
	packet->destination_port = value->destination_port;
	packet->icmp_type = value->icmp_type;
	if (packet->protocol == IPPROTO_ICMP && family == FAMILY_IPV4)
		packet->icmp_kind = icmp4_kind(value->icmp_type);
	else if (packet->protocol == IPPROTO_ICMPV6 && family == FAMILY_IPV6)
		packet->icmp_kind = icmp6_kind(value->icmp_type);
	return 0;
}

/* The same where packets are judged, which counts them. */
static __always_inline int follow_fragment(struct __sk_buff *skb, struct packet *packet, int family)
{
	count_packet(skb, REASON_FRAGMENT, packet->direction, __LINE__, THIS_FILE);
	return track_fragment(packet, family);
}
