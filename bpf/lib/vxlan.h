/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* VXLAN over IPv4 (RFC 7348), and what it does with marks of congestion (RFC 6040). */
#pragma once
#include "helpers.h"

#define ECN_MASK 3
#define ECN_CE 3
#define ECN_ECT0 2
#define VXLAN_HAS_VNI 0x08000000
#define VXLAN_RESERVED 0xff	/* beside the VNI */

/* What stands between the underlay's Ethernet header and the inner one. */
struct vxlan4_headers {
	struct iphdr ip;
	struct udphdr udp;
	__be32 vxlan_flags;
	__be32 vni;		/* in the upper 24 bits */
};

#define VXLAN4_ROOM (sizeof(struct vxlan4_headers) + ETH_LENGTH)
