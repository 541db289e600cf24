/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Physical devices, before the kernel makes a packet of it: what denied sources send ends here, counted. */
#include "../abi/drop.h"
#include "../abi/policy.h"
#include "../lib/metrics.h"
#include "../lib/prefilter.h"

const volatile __u8 enable_ipv4 = 1;
const volatile __u8 enable_ipv6 = 1;

#define MAX_VLAN_TAGS 2

struct vlan_tag {
	__be16 tag;
	__be16 protocol;
};

static __always_inline int deny(struct xdp_md *xdp)
{
	count_bytes(xdp->data_end - xdp->data, DROP_PREFILTER, METRIC_INGRESS, __LINE__, FILE_XDP);
	return XDP_DROP;
}

static __always_inline bool is_denied(void *ip, void *end, __be16 protocol)
{
	struct iphdr *ipv4 = ip;
	struct ipv6hdr *ipv6 = ip;
	__u32 words[4];

	if (enable_ipv4 && protocol == bpf_htons(ETH_P_IP))
		return (void *)(ipv4 + 1) <= end && prefilter_denies_ipv4(ipv4->saddr);
	if (!enable_ipv6 || protocol != bpf_htons(ETH_P_IPV6) || (void *)(ipv6 + 1) > end)
		return false;
	__builtin_memcpy(words, &ipv6->saddr, sizeof(words));
	return prefilter_denies_ipv6(words);
}

SEC("xdp")
int cil_xdp_entry(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct ethhdr *eth = data;
	struct vlan_tag *next = (void *)(eth + 1);
	__be16 protocol;

	if ((void *)next > end)
		return XDP_PASS;
	protocol = eth->h_proto;
#pragma unroll
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (likely(protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD)))
			break;
		if ((void *)(next + 1) > end)
			return XDP_PASS;
		protocol = next->protocol;
		next++;
	}
	return is_denied(next, end, protocol) ? deny(xdp) : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
