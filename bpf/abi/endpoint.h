/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Endpoints: who owns an address on this node, and what the programs need to know of each. */
#pragma once
#include "address.h"

/* cilium_lxc: address of this node -> endpoint or host. */
struct endpoint_key {
	union ip_address address;
	__u8 family;
	__u8 pad;
	__u16 cluster_id;
};

enum endpoint_info_flags { ENDPOINT_F_HOST = 1 };

struct endpoint_info {
	__u16 endpoint_id;	/* index of cilium_endpoints; 0 with ENDPOINT_F_HOST */
	__u16 flags;
};

enum endpoint_config_flags {
	ENDPOINT_ENFORCE_INGRESS = 1,
	ENDPOINT_ENFORCE_EGRESS = 2,
	ENDPOINT_AUDIT = 4,		/* a denied packet is reported as audited and passes */
	ENDPOINT_READY = 8,		/* cleared: every packet is dropped with DROP_EP_NOT_READY */
	ENDPOINT_NEIGHBORS_PASS = 16,	/* ARP and ND are between the pod and what its device leads to */
	ENDPOINT_BY_STACK = 32,		/* the stack routes its packets, and the qdiscs of its device see them */
	ENDPOINT_IPVLAN = 64,		/* its device is an ipvlan slave: no host side, no MAC addresses of its own */
	ENDPOINT_CHANGING = 128,	/* a set is losing something; policy_revision still has to move. For user space */
	ENDPOINT_ANY_SOURCE = 256,	/* may send from addresses that are not its own */
};

/* What an endpoint's flags say of its events, where that is not what the node's options say: from each shift on, which
 * bits of enum runtime_events it decides itself, how it decides them, and its enum monitor_aggregation plus one.
 */
#define ENDPOINT_OWN_EVENTS_SHIFT 9
#define ENDPOINT_EVENTS_SHIFT 12
#define ENDPOINT_LEVEL_SHIFT 15
#define ENDPOINT_MONITOR_MASK 7

/* Destination MAC of all that ipvlan pods send, when it leaves by the master device: the host's rules route it to a
 * neighbour that has this one, and nothing else goes there. The same in src/datapath/ipvlan.
 */
#define IPVLAN_GATEWAY_MAC { 0x02, 0x69, 0x70, 0x76, 0x6c, 0x61 }

/* The host's own slot in cilium_endpoints; no pod has it. */
#define HOST_ENDPOINT 65535

/* cilium_endpoints: array indexed by endpoint id. An ifindex of 0 marks an unused slot. Programs read policy_revision
 * before they ask a set, so whoever changes a set's number writes the slot twice, with a new revision each time: the
 * second one is for packets that saw the first one together with an old set. Whoever takes something out of a set in
 * use marks the slots that name it first, so that the revision moves behind it whatever ends the agent.
 */
struct endpoint_config {
	__u8 mac[6];		/* of the pod's eth0 */
	__u8 node_mac[6];	/* of the host side, answers ARP and ND */
	__u32 ifindex;		/* of the host side; with ENDPOINT_IPVLAN of the master */
	__be32 ipv4;		/* 0: none */
	__u8 ipv6[16];		/* zero: none; aligned to 4 bytes */
	__u32 identity;
	__u32 ingress_set;	/* policy set, meaningful with ENDPOINT_ENFORCE_INGRESS */
	__u32 egress_set;	/* policy set, meaningful with ENDPOINT_ENFORCE_EGRESS */
	__u32 policy_revision;	/* moves whenever an allowed flow may have become a denied one, or back */
	__u32 flags;
	__u32 parent_ifindex;	/* of what the host side is a port of; 0: nothing */
};
