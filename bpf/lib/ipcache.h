/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Identities of addresses, and the way to them. */
#pragma once
#include "../abi/conntrack.h"
#include "../maps/ipcache.h"
#include "config.h"
#include "endpoint.h"

#define IPCACHE_PREFIX_BASE 32	/* bits of the key before the address */

static __always_inline const struct ipcache_entry *ipcache_lookup(const union ip_address *address, int family)
{
	struct ipcache_exact_key exact = { .family = family, .address = *address };
	struct ipcache_key prefix = {
		.prefixlen = IPCACHE_PREFIX_BASE + (family == FAMILY_IPV4 ? 32 : 128),
		.family = family,
		.address = *address,
	};
	const struct ipcache_entry *entry = bpf_map_lookup_elem(&cilium_ipcache_exact, &exact);

	return entry ? entry : bpf_map_lookup_elem(&cilium_ipcache_v2, &prefix);
}

static __always_inline __u32 ipcache_identity(const struct ipcache_entry *entry, int family)
{
	if (entry && entry->identity)
		return entry->identity;
	return world_identity(family);
}

/* Whose packet it is that came through the tunnel with this identity. A node says of itself that it is the host; what
 * this node calls it, its address says.
 */
static __always_inline __u32 tunnel_identity(__u32 identity, const union ip_address *source, int family)
{
	const struct ipcache_entry *entry;

	if (identity != IDENTITY_HOST && identity != IDENTITY_REMOTE_NODE)
		return identity;
	entry = ipcache_lookup(source, family);
	return entry && is_node_identity(entry->identity) ? entry->identity : IDENTITY_REMOTE_NODE;
}

/* Where a packet to an address goes, and what is known of who is there. */
struct place {
	__u32 identity;
	__u16 endpoint;		/* with CT_ROUTE_LOCAL */
	__u8 route;		/* enum ct_route */
	__u8 is_host;		/* the address is one of this node's own */
	union ip_address tunnel_endpoint;	/* with CT_ROUTE_TUNNEL */
	__u8 tunnel_family;
	__u8 pad[3];
};

static __always_inline void find_remote_place(struct place *place, const union ip_address *address, int family)
{
	const struct ipcache_entry *entry = ipcache_lookup(address, family);

	place->identity = ipcache_identity(entry, family);
	if (!entry || !tunnel_ifindex ||
	    (entry->flags & (IPCACHE_F_HAS_TUNNEL | IPCACHE_F_SKIP_TUNNEL)) != IPCACHE_F_HAS_TUNNEL)
		return;
	place->route = CT_ROUTE_TUNNEL;
	place->tunnel_endpoint = entry->tunnel_endpoint;
	place->tunnel_family = entry->flags & IPCACHE_F_IPV6_TUNNEL ? FAMILY_IPV6 : FAMILY_IPV4;
}

/* place is zero before. Returns 0. */
__verified_alone int find_place(const union ip_address *address, struct place *place, int family)
{
	const struct endpoint_info *info;
	const struct endpoint_config *endpoint;

	if (!address || !place)
		return 0;
	place->route = CT_ROUTE_STACK;
	info = endpoint_by_address(address, family);
	if (info && (info->flags & ENDPOINT_F_HOST)) {
		place->identity = IDENTITY_HOST;
		place->is_host = 1;
		return 0;
	}
	endpoint = info ? endpoint_by_id(info->endpoint_id) : NULL;
	if (info && endpoint) {
		place->identity = endpoint->identity;
		place->endpoint = info->endpoint_id;
		place->route = CT_ROUTE_LOCAL;
		return 0;
	}
	find_remote_place(place, address, family);
	return 0;
}

/* Of a packet that this node forwards: does it say to come from somebody who does not come this way? Pods of this node
 * come from their devices, pods and hosts of others through the tunnel, if there is one.
 */
static __always_inline bool is_forged(struct __sk_buff *skb, const struct place *source)
{
	const struct endpoint_config *endpoint;

	if (source->route != CT_ROUTE_LOCAL)
		return tunnel_ifindex && (source->route == CT_ROUTE_TUNNEL || is_pod_identity(source->identity));
	endpoint = endpoint_by_id(source->endpoint);
	return !endpoint || !comes_from_endpoint(skb, endpoint);
}

/* Writes what find_place() found into the packet's destination fields. */
static __always_inline void take_destination(struct packet *packet, const struct place *place)
{
	packet->destination_identity = place->identity;
	packet->route = place->route;
	packet->peer_endpoint = place->endpoint;
	packet->tunnel_endpoint = place->tunnel_endpoint;
	packet->tunnel_family = place->tunnel_family;
}
