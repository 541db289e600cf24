/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Gives a packet what a test run cannot: a tunnel key, a VLAN tag; or reads what it cannot show. Each goes on in the
 * program under test.
 */
#include "../abi/address.h"
#include "calls.h"

/* The tunnel key: written by the test for with_tunnel_key, read by it after then_read_tunnel_key. */
struct test_tunnel {
	__u32 vni;
	__u32 family;			/* of the underlay */
	union ip_address outer;		/* with_tunnel_key: the sender; then_read_tunnel_key: the receiver */
	__u32 mark;			/* that the packet gets */
	__u32 ran;			/* then_read_tunnel_key: the program under test has run */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct test_tunnel);
} test_tunnel_key SEC(".maps");

static __always_inline struct test_tunnel *tunnel_row(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&test_tunnel_key, &zero);
}

SEC("tc")
int with_tunnel_key(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};
	struct test_tunnel *row = tunnel_row();
	__u64 flags = 0;

	if (!row)
		return TC_ACT_UNSPEC;
	key.tunnel_id = row->vni;
	/* What is written as the local address is what a receiver reads as the remote one. */
	if (row->family == FAMILY_IPV6) {
		flags = BPF_F_TUNINFO_IPV6;
		__builtin_memcpy(key.local_ipv6, &row->outer, sizeof(key.local_ipv6));
	} else {
		key.local_ipv4 = bpf_ntohl(row->outer.ipv4);
	}
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags))
		return TC_ACT_UNSPEC;
	skb->mark = row->mark;
	bpf_tail_call(skb, &test_calls, 0);
	return TC_ACT_UNSPEC;
}

/* Run twice on one packet: first the program under test, which may encapsulate; then a look at the key it set. */
SEC("tc")
int then_read_tunnel_key(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};
	struct test_tunnel *row = tunnel_row();

	if (!row)
		return TC_ACT_UNSPEC;
	if (!row->ran) {
		row->ran = 1;
		bpf_tail_call(skb, &test_calls, 0);
		return TC_ACT_UNSPEC;
	}
	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0)) {
		row->family = FAMILY_IPV4;
		row->outer.ipv4 = bpf_htonl(key.local_ipv4);
	} else if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6)) {
		row->family = FAMILY_IPV6;
		__builtin_memcpy(&row->outer, key.local_ipv6, sizeof(row->outer));
	}
	row->vni = key.tunnel_id;
	return TC_ACT_OK;
}

SEC("tc")
int with_vlan_tag(struct __sk_buff *skb)
{
	if (!bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7))
		bpf_tail_call(skb, &test_calls, 0);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
