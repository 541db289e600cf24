/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Conntrack: finds a packet's flow, says whether its verdict still holds, keeps the books. lib/judge.h decides. The keys
 * are from the endpoint's point of view, see abi/conntrack.h.
 */
#pragma once
#include "ct_key.h"
#include "icmp.h"
#include "ipcache.h"

#define CT_CLOSING (CT_F_RX_CLOSING | CT_F_TX_CLOSING)
#define CT_FIRST_EPHEMERAL_PORT 32768	/* net.ipv4.ip_local_port_range */

enum ct_state {
	CT_NEW,
	CT_REOPENED,		/* a SYN where a connection was closing */
	CT_ESTABLISHED,		/* in the direction of who opened it */
	CT_REPLY,
	CT_RELATED,		/* an ICMP error about a flow */
	CT_UNTRACKED,		/* asks policy each time, leaves no entry */
};

/* Under what a verdict is given. */
struct ct_stamp {
	__u32 now;			/* seconds of CLOCK_MONOTONIC */
	__u32 policy_revision;
	__u32 ipcache_revision;
};

/* What was found out about the packet's flow. */
struct ct_flow {
	struct ct_entry *entry;
	enum ct_state state;
	struct ct_stamp stamp;
	bool fresh;		/* the entry's verdict holds */
	bool by_router;		/* an ICMP error that does not come from the flow's other end */
};

static __always_inline bool ct_tracked(const struct ct_flow *flow)
{
	return flow->state == CT_ESTABLISHED || flow->state == CT_REPLY;
}

/* Does the entry's verdict still hold? */
static __always_inline bool ct_fresh(const struct ct_flow *flow, const struct packet *packet)
{
	const struct ct_entry *entry = flow->entry;

	if (entry->flags & CT_F_DENIED)
		return false;
	if (entry->policy_revision != flow->stamp.policy_revision || entry->ipcache_revision != flow->stamp.ipcache_revision)
		return false;
	if (packet->direction == DIRECTION_EGRESS || packet->icmp_kind == KIND_ERROR)
		return true;
	return !packet->source_identity || packet->source_identity == entry->peer_identity;
}

static __always_inline enum ct_state classify(const struct ct_entry *entry, const struct packet *packet)
{
	bool opening = opens_connection(packet);
	bool is_reply;

	if (!entry) {
		/* These belong to something; if it is gone there is nothing to remember. */
		if (packet->icmp_kind == KIND_REPLY || (packet->tcp_flags & TCP_RST))
			return CT_UNTRACKED;
		return CT_NEW;
	}
	is_reply = !(entry->flags & CT_F_INGRESS) == (packet->direction == DIRECTION_INGRESS);
	if (opening && (entry->flags & (CT_CLOSING | CT_F_RESET | CT_F_DENIED)))
		return CT_REOPENED;
	/* Opening something in the other direction is no reply, however well the ports fit. */
	if (opening && is_reply)
		return CT_UNTRACKED;
	if (packet->icmp_kind && (packet->icmp_kind == KIND_REPLY) != is_reply)
		return CT_UNTRACKED;
	return is_reply ? CT_REPLY : CT_ESTABLISHED;
}

/* The flow that an ICMP error is about: CT_RELATED, if its verdict holds. */
static __always_inline void find_quoted_flow(struct __sk_buff *skb, const struct packet *packet, struct ct_flow *flow,
					     union ct_key *key, int family)
{
	struct flow quoted = {};
	int quote = read_quote(skb, packet, &quoted, family);

	if (quote == QUOTE_OF_NO_FLOW)
		return;
	flow->by_router = quote == QUOTE_BY_ROUTER;
	fill_ct_key(key, &quoted.local, &quoted.remote, quoted.local_port | (__u32)quoted.remote_port << 16, quoted.protocol,
		    family);
	flow->entry = ct_lookup(key, quoted.protocol, flow->stamp.now, family);
	if (flow->entry && ct_fresh(flow, packet))
		flow->state = CT_RELATED;
}

static __always_inline void find_flow(struct __sk_buff *skb, struct packet *packet,
				      const struct endpoint_config *endpoint, struct ct_flow *flow, union ct_key *key,
				      int family)
{
	/* Before anything that they vouch for is read. */
	flow->stamp.policy_revision = *(const volatile __u32 *)&endpoint->policy_revision;
	flow->stamp.ipcache_revision = runtime_config(RUNTIME_IPCACHE_REVISION);
	read_clock(packet);
	flow->stamp.now = packet->now;
	flow->entry = NULL;
	flow->fresh = false;
	flow->by_router = false;
	flow->state = CT_UNTRACKED;
	if (unlikely(packet->icmp_kind == KIND_ERROR)) {
		find_quoted_flow(skb, packet, flow, key, family);
		return;
	}
	read_ct_key(packet, key, family);
	flow->entry = ct_lookup(key, packet->protocol, flow->stamp.now, family);
	flow->state = classify(flow->entry, packet);
	flow->fresh = ct_tracked(flow) && ct_fresh(flow, packet);
}

/* Asks the maps who is at the other end, and how to get there. Returns 0. */
__verified_alone int look_up_peer(struct packet *packet, int family)
{
	struct place place = {};

	if (!packet)
		return 0;
	if (packet->direction == DIRECTION_EGRESS) {
		find_place(&packet->destination, &place, family);
		take_destination(packet, &place);
	} else {
		find_place(&packet->source, &place, family);
		packet->source_identity = place.identity;
	}
	return 0;
}

/* Not of a run that had a tunnel, when there is none now. */
static __always_inline bool knows_route(const struct ct_entry *entry)
{
	return entry->route != CT_ROUTE_UNKNOWN && (tunnel_ifindex || entry->route != CT_ROUTE_TUNNEL);
}

/* Does the entry still say who is at the other end? Also of a masqueraded connection that its opener opens again: who may
 * be there is asked, not who is. Not of others: what answers were taken for may stand there, as of a port that the node
 * publishes for somebody else.
 */
static __always_inline bool knows_peer(const struct packet *packet, const struct ct_flow *flow)
{
	return flow->fresh || (flow->state == CT_REOPENED && packet->direction == DIRECTION_EGRESS &&
			       flow->entry->nat_port && !(flow->entry->flags & CT_F_INGRESS) &&
			       flow->entry->ipcache_revision == flow->stamp.ipcache_revision);
}

/* Who is at the other end, and how to get there: as the entry says, if that holds. */
static __always_inline void find_peer(struct packet *packet, const struct ct_flow *flow, int family)
{
	const struct ct_entry *entry = knows_peer(packet, flow) ? flow->entry : NULL;

	if (packet->direction != DIRECTION_EGRESS) {
		if (packet->source_identity)
			return;
		if (entry)
			packet->source_identity = entry->peer_identity;
		else
			look_up_peer(packet, family);
		return;
	}
	if (unlikely(!entry || !knows_route(entry))) {
		look_up_peer(packet, family);
		return;
	}
	packet->destination_identity = entry->peer_identity;
	packet->route = entry->route;
	packet->peer_endpoint = entry->peer_endpoint;
	if (entry->route == CT_ROUTE_TUNNEL) {
		packet->tunnel_family = entry->tunnel_family;
		packet->tunnel_endpoint = entry->tunnel_endpoint;
	}
}

static __always_inline __u32 ct_lifetime(const struct packet *packet, __u16 flags)
{
	__u16 both = CT_F_REPLIED | CT_F_SEEN_NON_SYN;

	if (packet->protocol != IPPROTO_TCP)
		return ct_any_timeout;
	if ((flags & CT_F_RESET) || (flags & CT_CLOSING) == CT_CLOSING)
		return ct_fin_timeout;
	return (flags & both) == both ? ct_tcp_timeout : ct_syn_timeout;
}

/* Flags that the packet adds to its entry. */
static __always_inline __u16 ct_packet_flags(const struct packet *packet, bool is_reply)
{
	__u16 flags = is_reply ? CT_F_REPLIED : 0;

	if (packet->protocol != IPPROTO_TCP)
		return flags;
	if (packet->tcp_flags & TCP_RST)
		flags |= CT_F_RESET | CT_CLOSING;
	else if (packet->tcp_flags & TCP_FIN)
		flags |= packet->direction == DIRECTION_EGRESS ? CT_F_TX_CLOSING : CT_F_RX_CLOSING;
	if (!is_reply && !(packet->tcp_flags & TCP_SYN))
		flags |= CT_F_SEEN_NON_SYN;
	return flags;
}

static __always_inline void ct_report(struct packet *packet, struct ct_entry *entry, __u32 now)
{
	bool egress = packet->direction == DIRECTION_EGRESS;
	__u8 *seen = egress ? &entry->tx_flags_seen : &entry->rx_flags_seen;
	__u32 *last = egress ? &entry->last_tx_report : &entry->last_rx_report;
	__u8 new_flags = packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST) & ~*seen;

	if (unlikely(new_flags)) {
		*seen |= new_flags;
		packet->report = monitor_level(packet->endpoint) < AGGREGATION_MAXIMUM;
	}
	if (now - *last >= (__u32)runtime_config(RUNTIME_MONITOR_INTERVAL)) {
		*last = now;
		packet->report = 1;
	}
}

/* Books a packet of a known flow; true when it moves the flow's flags or its end. Counters miss one when two CPUs book
 * packets of one direction at once: atomic adds would cost as much as the rest of this function.
 */
static __always_inline bool ct_account(struct packet *packet, struct ct_flow *flow, __u32 bytes)
{
	struct ct_entry *entry = flow->entry;
	__u16 flags = ct_packet_flags(packet, flow->state == CT_REPLY);
	bool moved = false;
	__u32 expires;

	if (packet->direction == DIRECTION_EGRESS) {
		entry->tx_packets += 1;
		entry->tx_bytes += bytes;
	} else {
		entry->rx_packets += 1;
		entry->rx_bytes += bytes;
	}
	flags |= entry->flags;
	if (flags != entry->flags) {
		entry->flags = flags;
		moved = true;
	}
	expires = flow->stamp.now + ct_lifetime(packet, flags);
	if (expires != entry->expires) {
		entry->expires = expires;
		moved = true;
	}
	ct_report(packet, entry, flow->stamp.now);
	return moved;
}

/* Where the endpoint's packets go. What masquerading made of the flow holds as long as they go to the stack. */
static __always_inline void ct_set_route(const struct packet *packet, struct ct_entry *entry)
{
	if (packet->route != CT_ROUTE_STACK || !entry->nat_port) {
		entry->nat_port = 0;
		barrier();
		entry->tunnel_endpoint = packet->tunnel_endpoint;
	}
	entry->peer_endpoint = packet->peer_endpoint;
	entry->tunnel_family = packet->tunnel_family;
	entry->route = packet->route;
}

/* The new verdict and route of a known flow. An answer that comes from somebody else than the flow was opened to, as from
 * a port that the node publishes, says nothing of what is sent there: that is asked when it is.
 */
static __always_inline void ct_renew(const struct packet *packet, const struct ct_flow *flow, bool audited)
{
	bool egress = packet->direction == DIRECTION_EGRESS;
	__u32 peer = egress ? packet->destination_identity : packet->source_identity;
	struct ct_entry *entry = flow->entry;

	if (!flow->fresh && flow->state == CT_REPLY && peer != entry->peer_identity)
		return;
	if (!flow->fresh) {
		entry->peer_identity = peer;
		entry->cookie = packet->cookie;
		entry->flags = (entry->flags & ~(CT_F_AUDITED | CT_F_DENIED)) | (audited ? CT_F_AUDITED : 0);
		entry->route = CT_ROUTE_UNKNOWN;
	}
	if (egress && entry->route == CT_ROUTE_UNKNOWN)
		ct_set_route(packet, entry);
	if (!flow->fresh) {
		entry->ipcache_revision = flow->stamp.ipcache_revision;
		entry->policy_revision = flow->stamp.policy_revision;
	}
}

/* Is it the middle of a connection that the side opened which does not send this packet? The endpoint's port tells: from
 * the ephemeral ones on it was the endpoint.
 */
static __always_inline bool ct_sent_by_answerer(const struct packet *packet)
{
	bool egress = packet->direction == DIRECTION_EGRESS;
	__be16 local_port = egress ? packet->source_port : packet->destination_port;

	return packet->protocol == IPPROTO_TCP && !opens_connection(packet) &&
	       egress == (bpf_ntohs(local_port) < CT_FIRST_EPHEMERAL_PORT);
}

/* Writes the entry of a flow that the packet opens; in place where there was one, so flags come last: until then it says
 * what it said before.
 */
static __always_inline void ct_open(const struct packet *packet, struct ct_entry *entry, const struct ct_stamp *stamp,
				    __u16 flags, __u32 bytes)
{
	bool egress = packet->direction == DIRECTION_EGRESS;
	__u8 seen = packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST);

	entry->tx_packets = egress;
	entry->tx_bytes = egress ? bytes : 0;
	entry->rx_packets = !egress;
	entry->rx_bytes = egress ? 0 : bytes;
	entry->expires = stamp->now + ct_lifetime(packet, flags);
	entry->peer_identity = egress ? packet->destination_identity : packet->source_identity;
	entry->policy_revision = stamp->policy_revision;
	entry->ipcache_revision = stamp->ipcache_revision;
	entry->cookie = packet->cookie;
	entry->last_tx_report = egress ? stamp->now : 0;
	entry->last_rx_report = egress ? 0 : stamp->now;
	entry->rev_nat_index = 0;
	entry->tx_flags_seen = egress ? seen : 0;
	entry->rx_flags_seen = egress ? 0 : seen;
	entry->proxy_port = 0;
	entry->backend_id = 0;
	if (egress) {
		ct_set_route(packet, entry);
	} else {
		entry->nat_port = 0;
		entry->route = CT_ROUTE_UNKNOWN;
	}
	barrier();
	entry->flags = flags;
}

static __always_inline __u16 ct_opening_flags(const struct packet *packet, bool audited)
{
	bool opened_here = packet->direction == DIRECTION_EGRESS;

	/* The host has connections from before its policy: one of its own must not be taken for somebody else's then. */
	if (packet->endpoint == HOST_ENDPOINT && ct_sent_by_answerer(packet))
		opened_here = !opened_here;
	return ct_packet_flags(packet, false) | (opened_here ? 0 : CT_F_INGRESS) | (audited ? CT_F_AUDITED : 0);
}

/* Opens a flow; 0 or what drop() gives. */
__verified_alone int ct_create(struct __sk_buff *skb, struct packet *packet, const union ct_key *key,
			       const struct ct_stamp *stamp, int audited)
{
	struct ct_entry *entry;
	union ct_key own;
	__u32 zero = 0;
	long error;

	if (!packet || !key || !stamp)
		return -DROP_CT_INSERT_FAILED;
	entry = bpf_map_lookup_elem(&cilium_new_flow, &zero);
	if (!entry)
		return drop(packet, DROP_CT_INSERT_FAILED);
	__builtin_memset(entry, 0, sizeof(*entry));
	ct_open(packet, entry, stamp, ct_opening_flags(packet, audited), skb->len);
	/* Verifiers up to 6.1 take a map key only from the function's own stack. */
	own = *key;
	if (packet->family == FAMILY_IPV4)
		error = ct_update(&own, entry, packet->protocol, FAMILY_IPV4);
	else
		error = ct_update(&own, entry, packet->protocol, FAMILY_IPV6);
	return error ? drop(packet, DROP_CT_INSERT_FAILED) : 0;
}

/* A denied flow keeps its entry, which remembers who opened it, for as long as somebody tries. Without it the next
 * packet of the side that did not open it would look like a new flow in the direction that is not denied.
 */
static __always_inline void ct_deny(const struct packet *packet, const struct ct_flow *flow)
{
	struct ct_entry *entry = flow->entry;

	entry->flags |= CT_F_DENIED;
	entry->expires = flow->stamp.now + ct_lifetime(packet, entry->flags);
}
