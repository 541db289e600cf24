/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* cilium_ways (array for each CPU): what the routing table said about a pod's packets to a destination outside. */
#pragma once
#include "address.h"

#define WAYS 256

struct way {
	union ip_address destination;
	union ip_address next_hop;
	union ip_address address;	/* that the device gives to what leaves; zero: none of that family */
	__u32 ifindex;			/* 0: none that our programs may go */
	__u32 second;			/* of CLOCK_MONOTONIC, when it was asked */
	__u32 mtu;
	__u8 family;			/* enum address_family of the destination */
	__u8 next_hop_family;		/* AF_INET or AF_INET6 */
	__u16 endpoint;			/* whose packets: rules may ask for their source or device */
	__u8 destination_mac[6];	/* of the next hop */
	__u8 source_mac[6];		/* of the device */
	__u8 has_neighbor;		/* both are known */
	__u8 pad[3];
};
