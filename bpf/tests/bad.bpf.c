/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Does not verify: reads the packet without a check of its length. For the loader's tests. */
#include "../lib/helpers.h"

SEC("tc")
int bad(struct __sk_buff *skb)
{
	const struct ethhdr *eth = (void *)(long)skb->data;

	return eth->h_proto == bpf_htons(ETH_P_IP) ? TC_ACT_OK : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
