/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is known of the packet at hand: read once by the parsers, completed by look-ups, told by the events. */
#pragma once
#include "../abi/address.h"
#include "../abi/drop.h"
#include "../abi/events.h"
#include "../abi/nat.h"
#include "helpers.h"

enum fragment_kind {
	FRAGMENT_NONE = 0,
	FRAGMENT_FIRST = 1,
	FRAGMENT_LATER = 2,	/* has no L4 header */
};

enum icmp_kind {
	KIND_NO_ICMP = 0,
	KIND_REQUEST = 1,
	KIND_REPLY = 2,
	KIND_ERROR = 3,
	KIND_NEIGHBOR = 4,	/* neighbour discovery and multicast listener messages */
};

struct packet {
	union ip_address source __in_words;
	union ip_address destination __in_words;
	union ip_address tunnel_endpoint;
	__u32 l4_offset;		/* from the start of the frame */
	__u32 l4_length;		/* up to the end of the IP packet */
	__be32 fragment_id;
	__be16 source_port;		/* ICMP echo: see struct ct4_key */
	__be16 destination_port;
	__u8 protocol;
	__u8 ttl;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_kind;
	__u8 fragment;
	__u8 route;			/* enum ct_route */
	__u8 tunnel_family;

	__u32 source_identity;
	__u32 destination_identity;
	__u16 endpoint;			/* whose program runs; 0: the host's */
	__u16 peer_endpoint;
	__u32 cookie;			/* of the rule that decided */
	__u32 policy_set;
	__u16 drop_line;
	__u8 drop_file;
	__u8 reason;			/* enum trace_reason */
	__u8 report;			/* worth a trace event at every aggregation level */
	__u8 direction;			/* enum policy_direction of the program */
	__u8 family;
	__u8 by_stack;			/* what passes goes to whoever is next on the hook */
	__u32 now;			/* seconds of CLOCK_MONOTONIC; 0: not read yet */
	__u16 tick;			/* the same in units of 2^NAT_TICK_BITS ns, as in struct nat_entry; 0: not read yet */
	__be16 nat_port;		/* of the flow outside, with tunnel_endpoint as its address; 0: not masqueraded, or not yet */
	__u8 pad[4];
};

/* Kernels before 6.3 hand no uninitialized byte to a function that is verified alone. */
_Static_assert(sizeof(struct packet) == 112, "no hidden padding");

/* The context's fields in assembler: else the compiler computes their address once and keeps it, and the verifier says
 * "dereference of modified ctx ptr disallowed".
 */
static __always_inline void *packet_start(struct __sk_buff *skb)
{
	void *data;

	asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(data) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data)));
	return data;
}

static __always_inline void *packet_end(struct __sk_buff *skb)
{
	void *end;

	asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(end) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data_end)));
	return end;
}

/* The second, once for all that is done with the packet. */
static __always_inline void read_clock(struct packet *packet)
{
	if (!packet->now)
		packet->now = bpf_ktime_get_coarse_ns() / NS_PER_SECOND;
}

/* The tick too, which only translated flows need. */
static __always_inline void read_fine_clock(struct packet *packet)
{
	__u64 ns;

	if (packet->tick)
		return;
	ns = bpf_ktime_get_coarse_ns();
	packet->now = ns / NS_PER_SECOND;
	packet->tick = ns >> NAT_TICK_BITS;
}

/* size bytes at offset, or NULL. Pointers given before are invalid then. */
static __always_inline void *packet_bytes(struct __sk_buff *skb, __u32 offset, __u32 size)
{
	void *data = packet_start(skb);

	if (likely(data + offset + size <= packet_end(skb)))
		return data + offset;
	if (bpf_skb_pull_data(skb, offset + size))
		return NULL;
	data = packet_start(skb);
	return data + offset + size <= packet_end(skb) ? data + offset : NULL;
}

/* From an IPv6 header. In words of 64 bits, though the packet's may lie anywhere: what was written in halves, the
 * processor does not read at once.
 */
static __always_inline void read_ipv6_address(union ip_address *address, const struct in6_addr *from)
{
	const __u64 *words = (const void *)from;
	__u64 first = words[0], second = words[1];

	__builtin_memcpy(__builtin_assume_aligned(address, 8), &first, sizeof(first));
	__builtin_memcpy(__builtin_assume_aligned(address->ipv6 + 8, 8), &second, sizeof(second));
}

static __always_inline bool address_equal(const union ip_address *a, const union ip_address *b, int family)
{
	if (family == FAMILY_IPV4)
		return a->ipv4 == b->ipv4;
	return !((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) | (a->words[2] ^ b->words[2]) |
		 (a->words[3] ^ b->words[3]));
}

static __always_inline bool address_is_zero(const union ip_address *a)
{
	return !(a->words[0] | a->words[1] | a->words[2] | a->words[3]);
}

/* IPv4 limited broadcast counts: no route leads to either. */
static __always_inline bool address_is_multicast(const union ip_address *a, int family)
{
	if (family == FAMILY_IPV4)
		return (a->ipv4 & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || a->ipv4 == 0xffffffff;
	return a->ipv6[0] == 0xff;
}
