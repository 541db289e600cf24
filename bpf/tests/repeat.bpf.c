/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Runs a program again and again on the same packet: puts back the headers that the last run rewrote. Slot 0: the
 * program to measure; its cost is that of this one less that of this one in front of `nothing`.
 */
#include "../lib/helpers.h"

#define HEADERS 26	/* MAC addresses to the IPv4 header's checksum, or the IPv6 hop limit */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} test_calls SEC(".maps");

/* The headers. Written by the test. */
struct test_headers {
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
	__u32 zero = 0;
	struct test_headers *headers = bpf_map_lookup_elem(&test_packet_headers, &zero);

	if (!headers || bpf_skb_store_bytes(skb, 0, headers, sizeof(*headers), 0))
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
