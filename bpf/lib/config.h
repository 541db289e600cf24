/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What holds for the node: .rodata, set before load, so that the verifier removes what is off. Beside it what may
 * change while programs run.
 */
#pragma once
#include "../maps/runtime.h"

const volatile __u8 enable_ipv4 = 1;
const volatile __u8 enable_ipv6 = 1;

/* The tunnel device; 0: no tunnel, remote pods are reached through the stack, and known by their addresses. */
const volatile __u32 tunnel_ifindex = 0;

/* UDP port of the tunnel; 0: only the tunnel device encapsulates. */
const volatile __u16 tunnel_port = 0;

/* Geneve; else VXLAN. */
const volatile __u8 tunnel_is_geneve = 0;

/* Master device of ipvlan pods; 0: there are none. The device by which what they send enters the stack (cilium_host), and
 * its MAC address as a number.
 */
const volatile __u32 ipvlan_ifindex = 0;
const volatile __u32 ipvlan_stack_ifindex = 0;
const volatile __u64 ipvlan_stack_mac = 0;

/* Whether the stack brings packets to pods' devices by itself, instead of over cilium_host. */
const volatile __u8 enable_endpoint_routes = 0;

/* This node's address for the tunnel, if that is IPv4; 0: only the tunnel device decapsulates. */
const volatile __be32 tunnel_ipv4 = 0;
/* Whether what the host sends and gets is judged too. */
const volatile __u8 enable_host_firewall = 0;

/* Whether pods have the node's address outside, and which ports their flows get there. */
const volatile __u8 enable_ipv4_masquerade = 0;
const volatile __u8 enable_ipv6_masquerade = 0;
/* Whether pods' packets to the outside go past the stack, and with it past netfilter. */
const volatile __u8 enable_host_routing = 0;
const volatile __u16 nat_port_min = 32768;
const volatile __u16 nat_port_max = 65535;

/* Identity of an address that nobody knows: 2 on a single-stack node, 9 and 10 on a dual-stack one. */
const volatile __u32 world_ipv4_identity = 9;
const volatile __u32 world_ipv6_identity = 10;

/* Life of a conntrack entry behind its last packet, in seconds. */
const volatile __u32 ct_tcp_timeout = 8000;
const volatile __u32 ct_syn_timeout = 60;
const volatile __u32 ct_fin_timeout = 10;
const volatile __u32 ct_any_timeout = 60;

#define IDENTITY_UNKNOWN 0
#define IDENTITY_HOST 1
#define IDENTITY_UNMANAGED 3
#define IDENTITY_INIT 5
#define IDENTITY_REMOTE_NODE 6
#define IDENTITY_KUBE_APISERVER 7	/* on another node */
#define IDENTITY_FIRST_POD 256	
#define IDENTITY_FIRST_LOCAL (1 << 24)	/* scopes that mean something on one node only */
#define IDENTITY_SCOPE_SHIFT 24
#define IDENTITY_SCOPE_NODE 2		/* other nodes, told apart */

static __always_inline __u64 runtime_config(__u32 index)
{
	__u64 *value = bpf_map_lookup_elem(&cilium_runtime_config, &index);

	return value ? *value : 0;
}

/* Do pods' packets to the outside go past the stack, translated? */
static __always_inline bool masquerades_past_stack(int family)
{
	return enable_host_routing && (family == FAMILY_IPV4 ? enable_ipv4_masquerade : enable_ipv6_masquerade);
}

static __always_inline __u32 world_identity(int family)
{
	return family == FAMILY_IPV4 ? world_ipv4_identity : world_ipv6_identity;
}

/* Of another node, whatever is known of it. */
static __always_inline bool is_node_identity(__u32 identity)
{
	return identity == IDENTITY_REMOTE_NODE || identity == IDENTITY_KUBE_APISERVER ||
	       identity >> IDENTITY_SCOPE_SHIFT == IDENTITY_SCOPE_NODE;
}

/* Of a pod, in this cluster or another, whatever is known of its labels; the rest is of nodes and the world. */
static __always_inline bool is_pod_identity(__u32 identity)
{
	return (identity >= IDENTITY_FIRST_POD && identity < IDENTITY_FIRST_LOCAL) ||
	       (identity >= IDENTITY_UNMANAGED && identity <= IDENTITY_INIT);
}
