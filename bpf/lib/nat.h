/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Translated flows: finding them, and keeping their two entries together. lib/nat_port.h opens them. Knows nothing of which
 * packets are to be translated, and changes none.
 */
#pragma once
#include "../maps/nat.h"
#include "conntrack.h"

#define NAT_F_KIND (NAT_F_HOST | NAT_F_TRACKED)

_Static_assert(sizeof(struct nat4_key) == sizeof(struct ct4_key) && sizeof(struct nat6_key) == sizeof(struct ct6_key) &&
		       __builtin_offsetof(struct nat4_key, direction) == __builtin_offsetof(struct ct4_key, pad) &&
		       __builtin_offsetof(struct nat6_key, direction) == __builtin_offsetof(struct ct6_key, pad),
	       "fill_nat_key() uses fill_ct_key()");

/* An entry and where it belongs. */
struct nat_side {
	union ct_key key;
	struct nat_entry entry;
};

static __always_inline bool in_nat_range(__be16 port)
{
	__u16 number = bpf_ntohs(port);

	return number >= nat_port_min && number <= nat_port_max;
}

/* Ports: the source's lowest. */
static __always_inline void fill_nat_key(union ct_key *key, const union ip_address *source,
					 const union ip_address *destination, __u32 ports, __u8 protocol,
					 enum nat_direction direction, int family)
{
	fill_ct_key(key, source, destination, ports, protocol, family);
	key->words[family == FAMILY_IPV4 ? 1 : 4] |= (__u64)direction << 40;
}

static __always_inline void read_nat_key(const struct packet *packet, union ct_key *key, enum nat_direction direction,
					 int family)
{
	fill_nat_key(key, &packet->source, &packet->destination, packet->source_port | (__u32)packet->destination_port << 16,
		     packet->protocol, direction, family);
}

static __always_inline struct nat_entry *nat_find(const union ct_key *key, int family)
{
	return family == FAMILY_IPV4 ? bpf_map_lookup_elem(&cilium_snat_v4_external, key) :
				       bpf_map_lookup_elem(&cilium_snat_v6_external, key);
}

/* The entry, unless it expired before now. */
static __always_inline struct nat_entry *nat_lookup(const union ct_key *key, __u32 now, int family)
{
	struct nat_entry *entry = nat_find(key, family);

	return entry && entry->expires > now ? entry : NULL;
}

static __always_inline long nat_write(const struct nat_side *side, __u64 flags, int family)
{
	return family == FAMILY_IPV4 ? bpf_map_update_elem(&cilium_snat_v4_external, &side->key, &side->entry, flags) :
				       bpf_map_update_elem(&cilium_snat_v6_external, &side->key, &side->entry, flags);
}

static __always_inline void nat_delete(const union ct_key *key, int family)
{
	if (family == FAMILY_IPV4)
		bpf_map_delete_elem(&cilium_snat_v4_external, key);
	else
		bpf_map_delete_elem(&cilium_snat_v6_external, key);
}

/* Fields of a key, whatever its family. */
static __always_inline void nat_key_source(const union ct_key *key, union ip_address *address, int family)
{
	__builtin_memset(address, 0, sizeof(*address));
	if (family == FAMILY_IPV4)
		address->ipv4 = key->v4.local;
	else
		__builtin_memcpy(address, key->v6.local, sizeof(*address));
}

static __always_inline void nat_key_destination(const union ct_key *key, union ip_address *address, int family)
{
	__builtin_memset(address, 0, sizeof(*address));
	if (family == FAMILY_IPV4)
		address->ipv4 = key->v4.remote;
	else
		__builtin_memcpy(address, key->v6.remote, sizeof(*address));
}

static __always_inline __u32 nat_key_ports(const union ct_key *key, int family)
{
	return family == FAMILY_IPV4 ? key->words[1] : key->words[4];
}

/* The flow's other entry, as `own` and what it says imply. */
static __always_inline void nat_other_side(const struct nat_side *own, struct nat_side *other, enum nat_direction direction,
					   int family)
{
	__u32 ports = nat_key_ports(&own->key, family);
	__u8 protocol = family == FAMILY_IPV4 ? own->key.v4.protocol : own->key.v6.protocol;
	union ip_address remote __in_words, address __in_words = own->entry.address;

	other->entry = own->entry;
	if (direction == NAT_OUT) {
		nat_key_destination(&own->key, &remote, family);
		nat_key_source(&own->key, &other->entry.address, family);
		other->entry.port = ports;
		fill_nat_key(&other->key, &remote, &address, ports >> 16 | (__u32)own->entry.port << 16, protocol, NAT_IN,
			     family);
	} else {
		nat_key_source(&own->key, &remote, family);
		nat_key_destination(&own->key, &other->entry.address, family);
		other->entry.port = ports >> 16;
		fill_nat_key(&other->key, &address, &remote, own->entry.port | ports << 16, protocol, NAT_OUT, family);
	}
}

static __always_inline bool nat_leads_to(const struct nat_entry *entry, const struct nat_entry *wanted, int family)
{
	return entry->port == wanted->port && address_equal(&entry->address, &wanted->address, family);
}

/* Flags of the entry with those that the packet adds. A connection that opens again is a new one. */
static __always_inline __u16 nat_flags(const struct packet *packet, const struct nat_entry *entry)
{
	bool opening = opens_connection(packet);
	__u16 known = entry->flags;

	if (opening && (known & (CT_CLOSING | CT_F_RESET)))
		known &= NAT_F_KIND;
	return known | ct_packet_flags(packet, packet->direction == DIRECTION_INGRESS);
}

/* The conntrack entry that says what leaves becomes; NULL: none does. */
static __always_inline struct ct_entry *nat_tracking(struct ct_entry *entry)
{
	return entry && !(entry->flags & CT_F_INGRESS) && entry->route == CT_ROUTE_STACK ? entry : NULL;
}

/* The address comes first: it counts from when there is a port. */
static __always_inline void nat_track(struct ct_entry *entry, const union ip_address *address, __be16 port)
{
	entry->nat_port = 0;
	barrier();
	entry->tunnel_endpoint = *address;
	barrier();
	entry->nat_port = port;
}

/* Of an entry for answers: the conntrack entry of who asked. */
static __always_inline struct ct_entry *nat_find_tracking(const struct nat_side *in, __u32 now, int family)
{
	union ip_address remote __in_words, local __in_words = in->entry.address;
	__u8 protocol = family == FAMILY_IPV4 ? in->key.v4.protocol : in->key.v6.protocol;
	__u32 ports = nat_key_ports(&in->key, family) << 16 | in->entry.port;
	union ct_key key;

	nat_key_source(&in->key, &remote, family);
	fill_ct_key(&key, &local, &remote, ports, protocol, family);
	return nat_tracking(ct_lookup(&key, protocol, now, family));
}

/* Does who asked know of this translation? Then it learns it, if it has none. False: it has another one. */
static __always_inline bool nat_agree(struct ct_entry *asker, const struct nat_side *in, int family)
{
	__be16 port = nat_key_ports(&in->key, family) >> 16;
	union ip_address address;

	nat_key_destination(&in->key, &address, family);
	if (!asker->nat_port)
		nat_track(asker, &address, port);
	return asker->nat_port == port && address_equal(&asker->tunnel_endpoint, &address, family);
}

/* Writes what the packet adds to both entries; puts back the one that is missing. False: the other one belongs to another
 * flow by now, so that this one leads nowhere and is deleted.
 */
__verified_alone int nat_renew(const struct packet *packet, struct nat_side *own, int family)
{
	struct nat_side other = {};
	struct nat_entry *entry;
	enum nat_direction direction;

	if (!packet || !own)
		return false;
	direction = packet->direction == DIRECTION_EGRESS ? NAT_OUT : NAT_IN;
	if (direction == NAT_IN && (own->entry.flags & NAT_F_TRACKED)) {
		struct ct_entry *asker = family == FAMILY_IPV4 ? nat_find_tracking(own, packet->now, FAMILY_IPV4) :
								 nat_find_tracking(own, packet->now, FAMILY_IPV6);

		if (asker)
			return nat_agree(asker, own, family);
	}
	if (family == FAMILY_IPV4)
		nat_other_side(own, &other, direction, FAMILY_IPV4);
	else
		nat_other_side(own, &other, direction, FAMILY_IPV6);
	entry = nat_find(&other.key, family);
	if (!entry)
		return nat_write(&other, BPF_NOEXIST, family) == 0;
	if (!nat_leads_to(entry, &other.entry, family))
		return false;
	entry->expires = own->entry.expires;
	entry->flags = own->entry.flags;
	entry->tick = own->entry.tick;
	return true;
}

/* Is there nothing that another entry has to know of? The host's own flow, which changes nothing, has this one only; a
 * conntrack entry sees each packet itself, and is asked now and then whether it still has this port.
 */
static __always_inline bool nat_is_alone(const struct packet *packet, const struct nat_entry *entry, int family)
{
	if (packet->direction != DIRECTION_INGRESS)
		return false;
	if (entry->flags & NAT_F_HOST)
		return address_equal(&entry->address, &packet->destination, family) && entry->port == packet->destination_port;
	return (entry->flags & NAT_F_TRACKED) && entry->tick == packet->tick;
}

/* Books a packet of a known flow, whose key is own->key; what is new reaches the other entry some milliseconds later at
 * the latest, so that neither grows old alone. False: the flow has lost its port.
 */
static __always_inline bool nat_touch(const struct packet *packet, struct nat_entry *entry, struct nat_side *own,
				      int family)
{
	__u16 flags = nat_flags(packet, entry);

	if (likely(flags == entry->flags && entry->tick == packet->tick))
		return true;
	own->entry = *entry;
	own->entry.flags = flags;
	own->entry.expires = packet->now + ct_lifetime(packet, flags);
	own->entry.tick = packet->tick;
	if (!nat_is_alone(packet, entry, family) && !nat_renew(packet, own, family)) {
		nat_delete(&own->key, family);
		return false;
	}
	entry->flags = flags;
	entry->expires = own->entry.expires;
	entry->tick = packet->tick;
	return true;
}
