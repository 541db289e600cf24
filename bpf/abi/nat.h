/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Masquerading: flows whose source address is another one outside of the node. */
#pragma once
#include "address.h"

/* Directions of a flow. NAT_IN: answers as they come in, the entry says what their destination becomes. NAT_OUT: packets as
 * they leave, the entry says what their source becomes; of pods' flows the conntrack entry says that, and only where there is
 * none they have such an entry too.
 */
enum nat_direction { NAT_OUT = 0, NAT_IN = 1 };

/* cilium_snat_v4_external. The fields are those of struct ct4_key, with the direction behind. ICMP echo: the asking
 * side's port is the identifier, the other port is 0.
 */
struct nat4_key {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 direction;		/* enum nat_direction */
	__u8 pad[2];
};

/* cilium_snat_v6_external. */
struct nat6_key {
	__u8 source[16];
	__u8 destination[16];
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 direction;		/* enum nat_direction */
	__u8 pad[2];
};

/* Beside enum ct_flags, which an entry has too, from the pod's side. NAT_F_HOST: the node's own flow. Its answers have an
 * entry, so that no pod gets the same port; it changes nothing, unless a pod was first. NAT_F_TRACKED: the other direction
 * is in struct ct_entry.
 */
enum nat_flags { NAT_F_HOST = 32768, NAT_F_TRACKED = 16384 };

struct nat_entry {
	union ip_address address;
	__u32 expires;		/* seconds of CLOCK_MONOTONIC */
	__u32 created;		/* the same */
	__u16 tick;		/* when both entries were last seen to be there, in units of 2^NAT_TICK_BITS ns */
	__u16 endpoint;		/* of whom the flow is, while that endpoint has the address; 0: ask cilium_lxc */
	__be16 port;
	__u16 flags;
};

#define NAT_TICK_BITS 26	/* 67 ms; nat_entry.tick comes round after 73 minutes */

/* cilium_snat_v4_alloc_retries, cilium_snat_v6_alloc_retries (arrays for each CPU): how many flows found a port after how
 * many that were taken; the last slot: that found none.
 */
#define NAT_RETRIES 128
#define NAT_RETRY_SLOTS 129

/* cilium_masquerade (hash by ifindex): what leaves by the device gets these addresses. Zero: none of that family. */
struct masquerade_device {
	union ip_address ipv4;
	union ip_address ipv6;
};

/* cilium_ipmasq_v4, cilium_ipmasq_v6 (LPM tries): destinations that see pods' own addresses. */
struct ipmasq4_key {
	__u32 prefixlen;
	__be32 address;
};

struct ipmasq6_key {
	__u32 prefixlen;
	__u8 address[16];
};
