// SPDX-License-Identifier: Apache-2.0
// Drop and forward reasons: code, the text that operators know, the name in flow.proto.

/** One reason. */
export interface DropReason {
  readonly code: number;
  /** As in metrics' `reason` label and in `monitor`. */
  readonly text: string;
  /** DropReason of flow.proto; undefined for codes that are no drops. */
  readonly name: string | undefined;
}

/** Codes below are reasons of forwarding, used in metrics only. */
const firstDrop = 130;

/** The name is given where it is not the text in upper case. */
const table: readonly (readonly [code: number, text: string, name?: string])[] = [
  [0, "Success"],
  [2, "Invalid packet"],
  [3, "Interface"],
  [4, "Interface Decrypted"],
  [5, "LB, sock cgroup: No backend slot entry found"],
  [6, "LB, sock cgroup: No backend entry found"],
  [7, "LB, sock cgroup: Reverse entry update failed"],
  [8, "LB, sock cgroup: Reverse entry stale"],
  [9, "Fragmented packet"],
  [10, "Fragmented packet entry update failed"],
  [11, "Missed tail call to custom program"],
  [12, "Interface Decrypting"],
  [13, "Interface Encrypting"],
  [14, "LB: sock cgroup: Reverse entry delete succeeded"],
  [15, "MTU error message"],
  [130, "Invalid source mac"],
  [131, "Invalid destination mac"],
  [132, "Invalid source ip"],
  [133, "Policy denied"],
  [134, "Invalid packet", "INVALID_PACKET_DROPPED"],
  [135, "CT: Truncated or invalid header"],
  [136, "Fragmentation needed", "CT_MISSING_TCP_ACK_FLAG"],
  [137, "CT: Unknown L4 protocol"],
  [138, "CT: Can't create entry from packet", "CT_CANNOT_CREATE_ENTRY_FROM_PACKET"],
  [139, "Unsupported L3 protocol"],
  [140, "Missed tail call"],
  [141, "Error writing to packet"],
  [142, "Unknown L4 protocol"],
  [143, "Unknown ICMPv4 code"],
  [144, "Unknown ICMPv4 type"],
  [145, "Unknown ICMPv6 code"],
  [146, "Unknown ICMPv6 type"],
  [147, "Error retrieving tunnel key"],
  [148, "Error retrieving tunnel options"],
  [149, "Invalid Geneve option"],
  [150, "Unknown L3 target address"],
  [151, "Stale or unroutable IP"],
  [152, "No matching local container found"],
  [153, "Error while correcting L3 checksum"],
  [154, "Error while correcting L4 checksum"],
  [155, "CT: Map insertion failed"],
  [156, "Invalid IPv6 extension header"],
  [157, "IP fragmentation not supported"],
  [158, "Service backend not found"],
  [160, "No tunnel/encapsulation endpoint (datapath BUG!)", "NO_TUNNEL_OR_ENCAPSULATION_ENDPOINT"],
  [161, "NAT 46/64 not enabled", "FAILED_TO_INSERT_INTO_PROXYMAP"],
  [162, "Reached EDT rate-limiting drop horizon"],
  [163, "Unknown connection tracking state"],
  [164, "Local host is unreachable"],
  [165, "No configuration available to perform policy decision"],
  [166, "Unsupported L2 protocol"],
  [167, "No mapping for NAT masquerade"],
  [168, "Unsupported protocol for NAT masquerade"],
  [169, "FIB lookup failed"],
  [170, "Encapsulation traffic is prohibited"],
  [171, "Invalid identity"],
  [172, "Unknown sender"],
  [173, "NAT not needed"],
  [174, "Is a ClusterIP"],
  [175, "First logical datagram fragment not found"],
  [176, "Forbidden ICMPv6 message"],
  [177, "Denied by LB src range check"],
  [178, "Socket lookup failed"],
  [179, "Socket assign failed"],
  [180, "Proxy redirection not supported for protocol"],
  [181, "Policy denied by denylist", "POLICY_DENY"],
  [182, "VLAN traffic disallowed by VLAN filter", "VLAN_FILTERED"],
  [183, "Incorrect VNI from VTEP", "INVALID_VNI"],
  [184, "Failed to update or lookup TC buffer", "INVALID_TC_BUFFER"],
  [185, "No SID was found for the IP address", "NO_SID"],
  [186, "SRv6 state was removed during tail call", "MISSING_SRV6_STATE"],
  [187, "L3 translation from IPv4 to IPv6 failed (NAT46)", "NAT46"],
  [188, "L3 translation from IPv6 to IPv4 failed (NAT64)", "NAT64"],
  [189, "Authentication required", "AUTH_REQUIRED"],
  [190, "No conntrack map found", "CT_NO_MAP_FOUND"],
  [191, "No nat map found", "SNAT_NO_MAP_FOUND"],
  [192, "Invalid ClusterID", "INVALID_CLUSTER_ID"],
  [193, "Unsupported packet protocol for DSR encapsulation", "UNSUPPORTED_PROTOCOL_FOR_DSR_ENCAP"],
  [194, "No egress gateway found", "NO_EGRESS_GATEWAY"],
  [195, "Traffic is unencrypted", "UNENCRYPTED_TRAFFIC"],
  [196, "TTL exceeded"],
  [197, "No node ID found", "NO_NODE_ID"],
  [198, "Rate limited", "DROP_RATE_LIMITED"],
  [199, "IGMP handled"],
  [200, "IGMP subscribed"],
  [201, "Multicast handled"],
  [202, "Host datapath not ready", "DROP_HOST_NOT_READY"],
  [203, "Endpoint policy program not available", "DROP_EP_NOT_READY"],
  [204, "No Egress IP configured", "DROP_NO_EGRESS_IP"],
  [205, "Punt to proxy", "DROP_PUNT_PROXY"],
  [206, "No device"],
  [207, "First logical datagram fragment not found from world", "DROP_FRAG_NOT_FOUND_WORLD"],
  // Ours: Cilium has no numbers for them.
  [220, "Denied by prefilter", "DROP_PREFILTER"],
  [221, "Identity not known yet", "DROP_UNKNOWN_IDENTITY"],
];

/** Every known reason, rising. */
export const dropReasons: readonly DropReason[] = table.map(([code, text, name]) => ({
  code,
  text,
  name: code < firstDrop ? undefined : (name ?? text.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_")),
}));

const byCode = new Map(dropReasons.map((reason) => [reason.code, reason]));

/** The reason with that code; undefined for codes nobody gave a meaning. */
export function dropReason(code: number): DropReason | undefined {
  return byCode.get(code);
}

/** Whether packets of this code are dropped; others are counted only. */
export function isDrop(code: number): boolean {
  return code >= firstDrop;
}

/** The text of a code, or its number: `Policy denied`, `99`. */
export function dropReasonText(code: number): string {
  return byCode.get(code)?.text ?? String(code);
}
