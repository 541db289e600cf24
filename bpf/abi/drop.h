/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Why a packet was dropped, and in which of our files: the numbers of drop events and of cilium_metrics. */
#pragma once

/* Numbers as operators know them from Cilium; only those that our programs give are listed. */
enum drop_reason {
	DROP_INVALID_SMAC = 130,
	DROP_INVALID_DMAC = 131,
	DROP_INVALID_SIP = 132,
	DROP_POLICY = 133,
	DROP_INVALID = 134,
	DROP_CT_INVALID_HEADER = 135,
	DROP_CT_UNKNOWN_PROTO = 137,
	DROP_UNKNOWN_L3 = 139,
	DROP_MISSED_TAIL_CALL = 140,
	DROP_WRITE_ERROR = 141,
	DROP_UNKNOWN_L4 = 142,
	DROP_UNKNOWN_ICMP4_TYPE = 144,
	DROP_UNKNOWN_ICMP6_TYPE = 146,
	DROP_NO_TUNNEL_KEY = 147,
	DROP_UNKNOWN_TARGET = 150,
	DROP_UNROUTABLE = 151,
	DROP_NO_LOCAL_ENDPOINT = 152,
	DROP_CT_INSERT_FAILED = 155,
	DROP_INVALID_EXTENSION_HEADER = 156,
	DROP_FRAGMENT_UNSUPPORTED = 157,
	DROP_UNSUPPORTED_L2 = 166,
	DROP_NAT_NO_MAPPING = 167,
	DROP_NAT_UNSUPP_PROTO = 168,
	DROP_ENCAP_PROHIBITED = 170,
	DROP_INVALID_IDENTITY = 171,
	DROP_UNKNOWN_SENDER = 172,
	DROP_FRAGMENT_NOT_FOUND = 175,
	DROP_FORBIDDEN_ICMP6 = 176,
	DROP_PROXY_UNSUPPORTED = 180,
	DROP_POLICY_DENY = 181,
	DROP_VLAN_FILTERED = 182,
	DROP_AUTH_REQUIRED = 189,
	DROP_TTL_EXCEEDED = 196,
	DROP_HOST_NOT_READY = 202,
	DROP_EP_NOT_READY = 203,
	DROP_PREFILTER = 220,		/* ours, as all above 219 */
	DROP_UNKNOWN_IDENTITY = 221,
};

/* What is counted beside: such packets may well pass. */
enum noteworthy {
	REASON_FRAGMENT = 9,
	REASON_MTU_ERROR = 15,		/* an ICMP error that says "too big" */
};

/* Files that can drop or count. The name in the comment is the file's. */
enum source_file {
	FILE_UNKNOWN = 0,
	FILE_HOST = 1,			/* host.bpf.c */
	FILE_CONTAINER = 2,		/* container.bpf.c */
	FILE_OVERLAY = 3,		/* overlay.bpf.c */
	FILE_XDP = 4,			/* xdp.bpf.c */
	FILE_ENTRY = 6,			/* entry.bpf.c */
	FILE_ICMP = 103,		/* icmp.h */
	FILE_IPV4 = 107,		/* ipv4.h */
	FILE_CONNTRACK = 108,		/* conntrack.h */
	FILE_LOCAL_DELIVERY = 109,	/* local_delivery.h */
	FILE_ENCAP = 111,		/* encap.h */
	FILE_HOST_FIREWALL = 112,	/* host_firewall.h */
	FILE_IPV6 = 114,		/* ipv6.h */
	FILE_ARP = 128,			/* arp.h */
	FILE_NDP = 129,			/* ndp.h */
	FILE_ETH = 130,			/* eth.h */
	FILE_FRAGMENT = 131,		/* fragment.h */
	FILE_L4 = 132,			/* l4.h */
	FILE_POLICY = 133,		/* policy.h */
	FILE_IP = 134,			/* ip.h */
	FILE_UNDERLAY = 135,		/* underlay.h */
	FILE_FROM_UNDERLAY = 137,	/* underlay.bpf.c */
	FILE_NETDEV = 136,		/* netdev.bpf.c */
	FILE_NAT = 138,			/* nat.h */
	FILE_MASQUERADE = 139,		/* masquerade.h */
	FILE_UNMASQUERADE = 140,	/* unmasquerade.h */
	FILE_NAT_REWRITE = 141,		/* nat_rewrite.h */
	FILE_IPVLAN = 142,		/* ipvlan.h */
	FILE_POD = 143,			/* pod.bpf.c */
	FILE_JUDGE = 144,		/* judge.h */
	FILE_NAT_PORT = 145,		/* nat_port.h */
	FILE_ENTER_POD = 146,		/* enter_pod.h */
};
