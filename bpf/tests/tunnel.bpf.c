/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Gives a packet the tunnel key that cilium_vxlan would have given it, and goes on in the program under test. */
#include "../lib/helpers.h"
#include "../abi/address.h"

/* Slot 0: the program under test. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} test_calls SEC(".maps");

/* The tunnel key. Written by the test. */
struct test_tunnel {
	__u32 vni;
	__u32 family;			/* of the underlay */
	union ip_address outer_source;
	__u32 mark;			/* that the packet has */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct test_tunnel);
} test_tunnel_key SEC(".maps");

SEC("tc")
int with_tunnel_key(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};
	__u32 zero = 0;
	struct test_tunnel *test = bpf_map_lookup_elem(&test_tunnel_key, &zero);
	__u64 flags = 0;

	if (!test)
		return TC_ACT_UNSPEC;
	key.tunnel_id = test->vni;
	/* What is written as the local address is what a receiver reads as the remote one. */
	if (test->family == FAMILY_IPV6) {
		flags = BPF_F_TUNINFO_IPV6;
		__builtin_memcpy(key.local_ipv6, &test->outer_source, sizeof(key.local_ipv6));
	} else {
		key.local_ipv4 = bpf_ntohl(test->outer_source.ipv4);
	}
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags))
		return TC_ACT_UNSPEC;
	skb->mark = test->mark;
	bpf_tail_call(skb, &test_calls, 0);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
