/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Endpoints of this node. */
#pragma once
#include "../maps/endpoints.h"
#include "packet.h"

static __always_inline const struct endpoint_config *endpoint_by_id(__u32 id)
{
	const struct endpoint_config *endpoint = bpf_map_lookup_elem(&cilium_endpoints, &id);

	return endpoint && endpoint->ifindex ? endpoint : NULL;
}

/* Does what the node forwards come from the endpoint's device, or from the bridge that it is a port of? ipvlan pods'
 * packets to pods of this node are never forwarded: what says to be one came in by the master.
 */
static __always_inline bool comes_from_endpoint(struct __sk_buff *skb, const struct endpoint_config *endpoint)
{
	if (endpoint->flags & ENDPOINT_IPVLAN)
		return false;
	return skb->ingress_ifindex == endpoint->ifindex ||
	       (endpoint->parent_ifindex && skb->ingress_ifindex == endpoint->parent_ifindex);
}

/* Who of this node has the address; NULL: nobody. */
static __always_inline const struct endpoint_info *endpoint_by_address(const union ip_address *address, int family)
{
	struct endpoint_key key = { .address = *address, .family = family };

	return bpf_map_lookup_elem(&cilium_lxc, &key);
}

static __always_inline bool endpoint_has_address(const struct endpoint_config *endpoint,
						 const union ip_address *address, int family)
{
	const union ip_address *own = (const void *)endpoint->ipv6;

	if (family == FAMILY_IPV4)
		return endpoint->ipv4 && endpoint->ipv4 == address->ipv4;
	return !address_is_zero(own) && address_equal(own, address, family);
}
