/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Writes another address and port into a packet, or into what an ICMP error quotes, and keeps the checksums right: those
 * in the packet, those that the card is to complete, and the card's own sum over what it received.
 */
#pragma once
#include "../abi/nat.h"
#include "icmp.h"

#define IPV4_CHECK_OFFSET 10
#define ICMP_CHECK_OFFSET 2
#define ICMP_ID_OFFSET 4
#define TCP_CHECK_OFFSET 16
#define UDP_CHECK_OFFSET 6

/* What is changed: `from` stands there, `to` comes there. */
struct nat_change {
	union ip_address from __in_words;
	union ip_address to __in_words;
	__be16 from_port;
	__be16 to_port;
	__u8 source;		/* the source's; else the destination's */
	__u8 pad[3];
};

/* The packet that an ICMP error quotes, as it was sent: its `local` is the source. */
struct quote {
	struct flow sent;
	__u32 l4_offset;
	__u32 pad;
};

/* False: it quotes no flow. */
__verified_alone int read_quoted_flow(struct __sk_buff *skb, const struct packet *packet, struct quote *quote, int family)
{
	__u32 l4_offset = 0;
	bool found;

	if (!packet || !quote)
		return false;
	if (family == FAMILY_IPV4)
		found = parse_quoted_ip(skb, packet, &quote->sent, &l4_offset, FAMILY_IPV4) &&
			parse_quoted_l4(skb, packet, &quote->sent, l4_offset, FAMILY_IPV4);
	else
		found = parse_quoted_ip(skb, packet, &quote->sent, &l4_offset, FAMILY_IPV6) &&
			parse_quoted_l4(skb, packet, &quote->sent, l4_offset, FAMILY_IPV6);
	quote->l4_offset = l4_offset;
	return found;
}

static __always_inline __u32 quoted_ports(const struct quote *quote)
{
	return quote->sent.local_port | (__u32)quote->sent.remote_port << 16;
}

static __always_inline __u32 address_size(int family)
{
	return family == FAMILY_IPV4 ? 4 : 16;
}

static __always_inline bool is_icmp(__u8 protocol, int family)
{
	return protocol == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Where the address stands in an IP header. */
static __always_inline __u32 address_offset(bool source, int family)
{
	return (family == FAMILY_IPV4 ? 12 : 8) + (source ? 0 : address_size(family));
}

/* Where the port, or the identifier of an echo, stands in an L4 header. */
static __always_inline __u32 port_offset(__u8 protocol, bool source, int family)
{
	if (is_icmp(protocol, family))
		return ICMP_ID_OFFSET;
	return source ? 0 : 2;
}

static __always_inline __u32 check_offset(__u8 protocol, int family)
{
	if (is_icmp(protocol, family))
		return ICMP_CHECK_OFFSET;
	return protocol == IPPROTO_TCP ? TCP_CHECK_OFFSET : UDP_CHECK_OFFSET;
}

/* What replacing one by the other adds to a sum: bpf_csum_diff(), without a call. */
static __always_inline __u32 address_difference(const struct nat_change *change, int family)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < address_size(family) / sizeof(change->to.words[0]); i++)
		sum += (__u64)(__u32)~change->from.words[i] + change->to.words[i];
	sum = (__u32)sum + (sum >> 32);
	return (__u32)sum + (__u32)(sum >> 32);
}

static __always_inline __u32 words_difference(__u16 from, __u16 to, __u32 sum)
{
	__be32 before = from, after = to;

	return bpf_csum_diff(&before, sizeof(before), &after, sizeof(after), sum);
}

/* A checksum of what has changed so. */
static __always_inline __u16 changed_check(__u16 check, __u32 difference)
{
	__u64 sum = (__u64)(__u16)~check + difference;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The L4 checksum of a packet that has such a header. Error or 0. */
static __always_inline long rewrite_l4(struct __sk_buff *skb, const struct packet *packet, const struct nat_change *change,
				       __u32 difference, int family)
{
	__u32 check = packet->l4_offset + check_offset(packet->protocol, family);
	__u32 port = packet->l4_offset + port_offset(packet->protocol, change->source, family);
	/* UDP without a checksum stays so. */
	__u64 flags = packet->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (!(packet->protocol == IPPROTO_ICMP && family == FAMILY_IPV4) &&
	    bpf_l4_csum_replace(skb, check, 0, difference, flags | BPF_F_PSEUDO_HDR))
		return -1;
	if (change->from_port == change->to_port)
		return 0;
	if (bpf_l4_csum_replace(skb, check, change->from_port, change->to_port, flags | sizeof(change->to_port)))
		return -1;
	return bpf_skb_store_bytes(skb, port, &change->to_port, sizeof(change->to_port), 0);
}

/* An IPv4 header's own checksum makes up for its address, so that a sum over the packet stays; IPv6 has none. */
static __always_inline long rewrite_address(struct __sk_buff *skb, const union ip_address *to, bool source,
					    __u32 difference, int family)
{
	__u32 offset = ETH_LENGTH + address_offset(source, family);

	if (family == FAMILY_IPV4 && bpf_l3_csum_replace(skb, ETH_LENGTH + IPV4_CHECK_OFFSET, 0, difference, 0))
		return -1;
	return bpf_skb_store_bytes(skb, offset, to, address_size(family), family == FAMILY_IPV4 ? 0 : BPF_F_RECOMPUTE_CSUM);
}

/* The same without calls, for programs that write in place anyway: the kernel makes all packets writable that such a one
 * gets, so cil_to_netdev, which sees all that leaves the node, is none.
 */
static __always_inline long write_address(struct __sk_buff *skb, const union ip_address *to, bool source,
					  __u32 difference, int family)
{
	if (family == FAMILY_IPV4) {
		struct iphdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));

		if (!ip)
			return -1;
		ip->check = changed_check(ip->check, difference);
		__builtin_memcpy(source ? &ip->saddr : &ip->daddr, to, sizeof(ip->saddr));
	} else {
		struct ipv6hdr *ip = packet_bytes(skb, ETH_LENGTH, sizeof(*ip));

		if (!ip)
			return -1;
		__builtin_memcpy(source ? &ip->saddr : &ip->daddr, to, sizeof(ip->saddr));
		bpf_csum_update(skb, difference);
	}
	return 0;
}

/* 0 or what drop() gives. */
static __always_inline int rewrite(struct __sk_buff *skb, struct packet *packet, const struct nat_entry *entry, bool source,
				   bool in_place, int family)
{
	struct nat_change change = {
		.from = source ? packet->source : packet->destination,
		.to = entry->address,
		.from_port = source ? packet->source_port : packet->destination_port,
		.to_port = entry->port,
		.source = source,
	};
	__u32 difference = address_difference(&change, family);
	long error;

	if (packet->fragment != FRAGMENT_LATER && rewrite_l4(skb, packet, &change, difference, family))
		return drop(packet, DROP_WRITE_ERROR);
	error = in_place ? write_address(skb, &change.to, source, difference, family) :
			   rewrite_address(skb, &change.to, source, difference, family);
	return error ? drop(packet, DROP_WRITE_ERROR) : 0;
}

/* Gives a packet that is no ICMP error the entry's address and port, as its source. 0 or what drop() gives. */
__verified_alone int nat_rewrite(struct __sk_buff *skb, struct packet *packet, const struct nat_entry *entry, int family)
{
	if (!packet || !entry)
		return -DROP_WRITE_ERROR;
	return family == FAMILY_IPV4 ? rewrite(skb, packet, entry, true, false, FAMILY_IPV4) :
				       rewrite(skb, packet, entry, true, false, FAMILY_IPV6);
}

/* The same in place, as its source or else as its destination. */
__verified_alone int nat_write_in_place(struct __sk_buff *skb, struct packet *packet, const struct nat_entry *entry,
					int source, int family)
{
	if (!packet || !entry)
		return -DROP_WRITE_ERROR;
	return family == FAMILY_IPV4 ? rewrite(skb, packet, entry, !!source, true, FAMILY_IPV4) :
				       rewrite(skb, packet, entry, !!source, true, FAMILY_IPV6);
}

/* Bytes of an ICMP error change: the card's sum follows each. */
static __always_inline long store(struct __sk_buff *skb, __u32 offset, const void *bytes, __u32 size)
{
	return bpf_skb_store_bytes(skb, offset, bytes, size, BPF_F_RECOMPUTE_CSUM);
}

static __always_inline long change_check(struct __sk_buff *skb, __u32 offset, __u32 difference)
{
	__u16 check;

	if (bpf_skb_load_bytes(skb, offset, &check, sizeof(check)))
		return -1;
	check = changed_check(check, difference);
	return store(skb, offset, &check, sizeof(check));
}

/* The quoted L4 header's port and checksum, if that much is quoted. Returns what it adds to the error's sum in *sum. */
static __always_inline long rewrite_quoted_l4(struct __sk_buff *skb, const struct packet *packet,
					      const struct nat_change *change, const struct quote *quote, __u32 *sum,
					      int family)
{
	__u8 protocol = quote->sent.protocol;
	__u32 at = quote->l4_offset + check_offset(protocol, family);
	__u32 difference = words_difference(change->from_port, change->to_port, 0);
	__u16 check, changed;

	*sum = difference;
	if (!(protocol == IPPROTO_ICMP && family == FAMILY_IPV4))
		difference = bpf_csum_diff((void *)&change->from, address_size(family), (void *)&change->to,
					   address_size(family), difference);
	if (at + sizeof(check) <= packet->l4_offset + packet->l4_length && !bpf_skb_load_bytes(skb, at, &check, sizeof(check)) &&
	    (check || protocol != IPPROTO_UDP)) {
		changed = changed_check(check, difference);
		if (!changed && protocol == IPPROTO_UDP)
			changed = 0xffff;
		if (store(skb, at, &changed, sizeof(changed)))
			return -1;
		*sum = words_difference(check, changed, *sum);
	}
	return store(skb, quote->l4_offset + port_offset(protocol, change->source, family), &change->to_port,
		     sizeof(change->to_port));
}

/* The quoted packet, and the error's own address, which is at the other end. Error or 0. */
static __always_inline long rewrite_error(struct __sk_buff *skb, const struct packet *packet,
					  const struct nat_change *change, const struct quote *quote, int family)
{
	__u32 quoted_ip = packet->l4_offset + ICMP_HEADER, sum = 0;
	__u32 difference = address_difference(change, family);

	if (rewrite_quoted_l4(skb, packet, change, quote, &sum, family) ||
	    store(skb, quoted_ip + address_offset(change->source, family), &change->to, address_size(family)))
		return -1;
	if (family == FAMILY_IPV4) {
		/* Address and checksum of the quoted header make up for each other. */
		if (change_check(skb, quoted_ip + IPV4_CHECK_OFFSET, difference))
			return -1;
	} else {
		/* Quoted, and in the pseudo header. */
		sum = bpf_csum_diff((void *)&change->from, 16, (void *)&change->to, 16, sum);
		sum = bpf_csum_diff((void *)&change->from, 16, (void *)&change->to, 16, sum);
	}
	if (change_check(skb, packet->l4_offset + ICMP_CHECK_OFFSET, sum))
		return -1;
	return rewrite_address(skb, &change->to, !change->source, difference, family);
}

/* Translates an ICMP error about a translated flow. `change` is about the quoted packet. 0 or what drop() gives. */
__verified_alone int nat_rewrite_error(struct __sk_buff *skb, struct packet *packet, const struct nat_change *change,
				       const struct quote *quote, int family)
{
	long error;

	if (!packet || !change || !quote)
		return -DROP_WRITE_ERROR;
	if (family == FAMILY_IPV4)
		error = rewrite_error(skb, packet, change, quote, FAMILY_IPV4);
	else
		error = rewrite_error(skb, packet, change, quote, FAMILY_IPV6);
	return error ? drop(packet, DROP_WRITE_ERROR) : 0;
}
