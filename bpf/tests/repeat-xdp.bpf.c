/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Runs an XDP program again and again, each time on a packet from another source address. Slot 0: the program to
 * measure; its cost is that of this one less that of this one in front of `nothing`.
 */
#include "../abi/address.h"
#include "calls.h"

#define TEST_SOURCES (1 << 18)

/* Addresses. Written by the test. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TEST_SOURCES);
	__type(key, __u32);
	__type(value, union ip_address);
} test_sources SEC(".maps");

/* The next address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} test_next SEC(".maps");

SEC("xdp")
int repeat(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct ethhdr *eth = data;
	struct ipv6hdr *ip = (void *)(eth + 1);
	__u32 zero = 0, index;
	__u32 *next = bpf_map_lookup_elem(&test_next, &zero);
	union ip_address *source;

	if (!next || (void *)(ip + 1) > end)
		return XDP_ABORTED;
	index = (*next)++ & (TEST_SOURCES - 1);
	source = bpf_map_lookup_elem(&test_sources, &index);
	if (!source)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		((struct iphdr *)ip)->saddr = source->ipv4;
	else
		__builtin_memcpy(&ip->saddr, source, sizeof(ip->saddr));
	bpf_tail_call(xdp, &test_calls, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int nothing(struct xdp_md *xdp)
{
	return xdp->data ? XDP_PASS : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
