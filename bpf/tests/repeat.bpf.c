/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Runs a program again and again on the same packet: puts back the length that it had and the headers that the last run
 * rewrote. Slot 0: the program to measure; its cost is that of this one less that of this one in front of `nothing`.
 */
#include "calls.h"

#define HEADERS 76	/* of a tunnel packet: to the inner IPv4 header's checksum, or past the IPv6 hop limit */

/* Written by the test. */
struct test_headers {
	__u32 length;		/* of the packet */
	__u32 size;		/* of its headers */
	__u8 bytes[HEADERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct test_headers);
} test_packet_headers SEC(".maps");

SEC("tc")
int repeat(struct __sk_buff *skb)
{
	__u32 zero = 0, size;
	struct test_headers *headers = bpf_map_lookup_elem(&test_packet_headers, &zero);

	if (!headers)
		return TC_ACT_UNSPEC;
	if (skb->len != headers->length &&
	    bpf_skb_adjust_room(skb, headers->length - skb->len, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return TC_ACT_UNSPEC;
	size = headers->size;
	/* Else the compiler reads it twice, and the verifier does not know the second one. */
	asm volatile("" : "+r"(size));
	if (size == 0 || size > HEADERS || bpf_skb_store_bytes(skb, 0, headers->bytes, size, 0))
		return TC_ACT_UNSPEC;
	bpf_tail_call(skb, &test_calls, 0);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int nothing(struct __sk_buff *skb)
{
	skb->mark = 0;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
