// SPDX-License-Identifier: Apache-2.0
// What each reason that our programs give means for an operator, and what to do. docs/drop-reasons.md is made from it.
import type { DropReason } from "../../abi/index.ts";

/** For people who find a reason in `monitor` or in the metrics. */
export interface DropAdvice {
  /** What the packet was, or lacked. */
  readonly meaning: string;
  /** Where to look, and what mends it. */
  readonly remedy: string;
}

const policy = "`cilium-dbg monitor -t drop` names the policies and the nearest rule";
const hostile = "Nothing, as long as it is rare. Otherwise find out what the sender runs";
const bug = "A defect of ours, or a node in the middle of an upgrade. Report it with `cilium-dbg monitor -v -t drop`";

/** By code. A reason without advice does not compile. */
export const dropAdvice: Readonly<Record<DropReason, DropAdvice>> = {
  130: {
    meaning: "A pod sent a frame with a MAC address that is not its own",
    remedy: "A program in the pod changed the address of `eth0` or bridges for somebody else: undo that",
  },
  131: {
    meaning: "A pod sent an IP packet to a MAC address that is not its gateway's",
    remedy: "Look at `ip neigh` in the pod: a static or wrong entry for the gateway",
  },
  132: {
    meaning: "The source address is not the sender's: a pod, or a tunnel packet, that claims to be somebody else",
    remedy:
      "From a pod: look for addresses added in it, or raw sockets. From the overlay: does the ipcache know the sender (`cilium-dbg bpf ipcache get`)?",
  },
  133: {
    meaning: "No rule allows it, and a policy made the endpoint default deny",
    remedy: `${policy}; \`cilium policy trace\` shows each step`,
  },
  134: {
    meaning: "Too short for its headers, or a header contradicts itself (lengths, version, ARP fields)",
    remedy: hostile,
  },
  135: {
    meaning: "The TCP, UDP, SCTP or ICMP header is cut off or invalid",
    remedy: hostile,
  },
  137: {
    meaning: "A protocol that conntrack does not follow (not TCP, UDP, SCTP or ICMP)",
    remedy: "Use one of these, or carry the protocol inside of UDP",
  },
  139: {
    meaning: "IPv4 or IPv6 is switched off on this node, or the packet is neither",
    remedy: "`cilium-dbg config --all | grep enable-ipv`: enable the family on all nodes, or on none",
  },
  140: {
    meaning: "The program that the packet should have continued in was not there",
    remedy: bug,
  },
  141: {
    meaning: "The kernel had no room to change the packet",
    remedy: "Memory is short on the node, or the packet is larger than its device can take: look at `dmesg` and MTUs",
  },
  142: {
    meaning: "An IPv6 packet says that nothing follows its headers",
    remedy: hostile,
  },
  144: {
    meaning: "An ICMP message that is neither echo nor an error",
    remedy: "Timestamp, mask and router messages are never forwarded: do not rely on them",
  },
  146: {
    meaning: "An ICMPv6 message that is neither echo, error nor neighbour discovery",
    remedy: "Multicast listener and router messages are never forwarded: do not rely on them",
  },
  147: {
    meaning: "A packet came through the tunnel device without tunnel metadata",
    remedy: "Something else sends to `cilium_vxlan`: look for routes and programs that are not ours",
  },
  150: {
    meaning: "A pod sent to a multicast or broadcast address",
    remedy: "Pods have no common segment: use unicast or a name",
  },
  151: {
    meaning: "No route leads to the destination",
    remedy: "`ip route get ADDRESS` on the node",
  },
  152: {
    meaning: "The packet is for a pod of this node that is not there (any more)",
    remedy:
      "Normal for a moment after a pod went. If it stays: compare `cilium-dbg bpf endpoint list` with `cilium-dbg endpoint list`, and the sender's ipcache with both",
  },
  155: {
    meaning: "The conntrack table took no new entry",
    remedy:
      "`cilium-dbg bpf ct list global | wc -l` beside `bpf-ct-global-tcp-max` and `bpf-ct-global-any-max`: raise these or `bpf-map-dynamic-size-ratio`; look for a flood of new connections",
  },
  156: {
    meaning:
      "IPv6 extension headers that are malformed, too many, or of a kind that hides the payload (jumbograms, routing headers)",
    remedy: hostile,
  },
  157: {
    meaning: "A fragment that is too small or overlaps the ports",
    remedy: "No honest stack sends it: find out what the sender runs",
  },
  166: {
    meaning: "Neither IP nor ARP",
    remedy: "Pods talk IP only: find out what the sender runs",
  },
  167: {
    meaning: "All ports that were tried for a masqueraded flow to that destination are in use",
    remedy:
      "`cilium-dbg bpf nat stats` names the destination and the pods with most flows to it: let them share connections, or exclude the destination from masquerading",
  },
  168: {
    meaning: "A pod sent SCTP to the outside, where its address is to be masqueraded",
    remedy: "Exclude the destination from masquerading (`ipv4-native-routing-cidr`, the ip-masq-agent's file)",
  },
  170: {
    meaning: "A pod tried to send tunnel packets to a node",
    remedy: "An attempt to forge identities, or a tunnel on our port: use another port than the node's `tunnel-port`",
  },
  171: {
    meaning: "The identity in the tunnel header is none that a pod may have, or does not fit the sender",
    remedy:
      "Do all nodes have the same cluster name, cluster id and tunnel protocol? Otherwise somebody forges packets on the underlay",
  },
  172: {
    meaning: "A tunnel packet from an address that is no known node's",
    remedy:
      "`cilium-dbg node list`: a node that is just joining is known within a second. Otherwise somebody sends from outside, or a NAT changes nodes' addresses",
  },
  175: {
    meaning: "A later fragment of a datagram whose first fragment was not seen",
    remedy: "Fragments came out of order or the first was lost. Send smaller datagrams; keep the path's MTU",
  },
  176: {
    meaning: "Neighbour or router discovery that pods may not send or get",
    remedy: "Nothing: the node answers for the gateway by itself. Look at the sender if it is frequent",
  },
  180: {
    meaning: "A rule sends the traffic to a proxy, which there is none for",
    remedy: "`cilium-dbg policy get`: take the L7 section out of the rule that the event names",
  },
  181: {
    meaning: "A deny rule matched",
    remedy: `${policy}; a deny wins over every allow of its tier`,
  },
  182: {
    meaning: "A pod sent a frame with a VLAN tag",
    remedy: "Remove the VLAN device in the pod",
  },
  189: {
    meaning: "A rule asks for mutual authentication, which has not taken place",
    remedy: "`cilium-dbg policy get`: take `authentication` out of the rule that the event names",
  },
  196: {
    meaning: "The packet was on its way for too many hops",
    remedy: "Normal for traceroute. Otherwise a routing loop: `traceroute` from the pod",
  },
  202: {
    meaning: "The host endpoint's slot is there, but its policy is not in force yet.",
    remedy:
      "It ends by itself; if not, `cilium-dbg endpoint list` and the agent's log say what the host endpoint waits for.",
  },
  203: {
    meaning: "The endpoint is not ready: it is being made or removed, or has no policy yet",
    remedy: "Normal for a moment. If it stays: `cilium-dbg endpoint get ID` and the agent's log",
  },
  220: {
    meaning: "The source is on the prefilter's deny list",
    remedy: "`cilium prefilter list`; take the prefix off with `cilium prefilter delete`",
  },
  221: {
    meaning: "Nothing allows it so far: the policies in force here do not know the peer's identity yet",
    remedy:
      "It ends by itself when the identity arrives. If not, `cilium-dbg status` says whether this node reaches etcd, and `cilium-dbg identity get ID` whether it knows the identity",
  },
};
