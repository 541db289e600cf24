/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Addresses as map keys hold them: 16 bytes, IPv4 in the first four, the rest zero.
 * Aligned to 4 bytes, so that keys have no hidden padding.
 */
#pragma once
#include <linux/types.h>

/* Values of every "family" field. */
enum address_family { FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 };

union ip_address {
	__be32 ipv4;
	__u8 ipv6[16];
	__u32 words[4];
};
