/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Conntrack. A key is written from the endpoint's point of view (local, remote), so that one look-up finds
 * the flow in both directions; who opened it is CT_F_INGRESS in the entry.
 */
#pragma once
#include "address.h"

/* cilium_ct4_global (TCP) and cilium_ct_any4_global (the rest). ICMP echo: the asking side's port is the
 * identifier, the other port is 0.
 */
struct ct4_key {
	__be32 local;
	__be32 remote;
	__be16 local_port;
	__be16 remote_port;
	__u8 protocol;
	__u8 pad[3];
};

/* cilium_ct6_global and cilium_ct_any6_global. */
struct ct6_key {
	__u8 local[16];
	__u8 remote[16];
	__be16 local_port;
	__be16 remote_port;
	__u8 protocol;
	__u8 pad[3];
};

enum ct_flags {
	CT_F_INGRESS = 1,		/* opened by the remote side */
	CT_F_RX_CLOSING = 2,		/* FIN or RST seen towards the endpoint */
	CT_F_TX_CLOSING = 4,		/* FIN or RST seen from the endpoint */
	CT_F_SEEN_NON_SYN = 16,		/* beyond the handshake (or picked up in the middle) */
	CT_F_RESET = 32,
	CT_F_AUDITED = 64,		/* passes only because of audit mode */
	CT_F_REPLIED = 128,		/* a packet of the other direction was seen */
	CT_F_DENIED = 256,		/* policy denies it now; kept, so that nobody takes its packets for a new flow */
};

/* How packets from the endpoint leave, cached under the ipcache revision. */
enum ct_route {
	CT_ROUTE_UNKNOWN = 0,
	CT_ROUTE_LOCAL = 1,		/* peer_endpoint, on this node */
	CT_ROUTE_TUNNEL = 2,		/* tunnel_endpoint */
	CT_ROUTE_STACK = 3,		/* the node's own stack */
};

struct ct_entry {
	__u64 tx_packets;		/* from the endpoint */
	__u64 tx_bytes;
	__u64 rx_packets;
	__u64 rx_bytes;
	__u32 expires;			/* seconds of CLOCK_MONOTONIC */
	__u32 peer_identity;
	__u32 policy_revision;		/* of the endpoint, when the verdict was found */
	__u32 ipcache_revision;		/* low 32 bits of RUNTIME_IPCACHE_REVISION then */
	__u32 cookie;			/* rule that allowed it */
	__u32 last_tx_report;		/* seconds of CLOCK_MONOTONIC */
	__u32 last_rx_report;
	__u16 flags;
	__u16 rev_nat_index;
	__u8 tx_flags_seen;		/* TCP flags */
	__u8 rx_flags_seen;
	__u8 route;			/* enum ct_route */
	__u8 tunnel_family;		/* of tunnel_endpoint */
	__u16 peer_endpoint;
	__be16 proxy_port;
	union ip_address tunnel_endpoint;	/* CT_ROUTE_STACK: the endpoint's address outside, if nat_port is not 0 */
	__u32 backend_id;
	__be16 nat_port;		/* the endpoint's port outside; 0: not masqueraded, or not yet */
	__u16 pad;
};

/* cilium_ipv4_frag_datagrams, cilium_ipv6_frag_datagrams: ports of a datagram by its first fragment. */
struct frag4_key {
	__be32 source;
	__be32 destination;
	__be16 id;
	__u8 protocol;
	__u8 pad;
};

struct frag6_key {
	__u8 source[16];
	__u8 destination[16];
	__be32 id;
	__u8 protocol;
	__u8 pad[3];
};

struct frag_value {
	__be16 source_port;
	__be16 destination_port;
	__u8 icmp_type;		/* of the first fragment; 0 for other protocols */
	__u8 pad[3];
};
