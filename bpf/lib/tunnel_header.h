/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* VXLAN (RFC 7348) and Geneve without options (RFC 8926) over IPv4, and what they do with marks of congestion (RFC 6040).
 * Their headers differ in one word.
 */
#pragma once
#include "config.h"

#define ECN_MASK 3
#define ECN_CE 3
#define ECN_ECT0 2
#define VXLAN_HAS_VNI 0x08000000
#define GENEVE_ETHERNET 0x00006558	/* version 0, no options, no flags, inner Ethernet */
#define VNI_RESERVED 0xff		/* beside the VNI */

/* What stands between the underlay's Ethernet header and the inner one. */
struct tunnel4_headers {
	struct iphdr ip;
	struct udphdr udp;
	__be32 kind;		/* tunnel_header() */
	__be32 vni;		/* in the upper 24 bits */
};

#define TUNNEL4_ROOM (sizeof(struct tunnel4_headers) + ETH_LENGTH)

/* What tells the tunnel's packets. */
static __always_inline __be32 tunnel_header(void)
{
	return tunnel_is_geneve ? bpf_htonl(GENEVE_ETHERNET) : bpf_htonl(VXLAN_HAS_VNI);
}
