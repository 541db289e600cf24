// SPDX-License-Identifier: Apache-2.0
// JSON models of the agent's REST API; field names as Cilium's openapi has them. Times are RFC 3339 strings.
export type * from "./models-config.ts";
export type * from "./models-endpoint.ts";
export type * from "./models-health.ts";
export type * from "./models-status.ts";

/** An identity and the labels it stands for (`source:key=value`, sorted). */
export interface Identity {
  readonly id: number;
  readonly labels: readonly string[];
  readonly labelsSHA256?: string;
}

/** How many local endpoints use an identity. */
export interface IdentityEndpoints {
  readonly identity: Identity;
  readonly refCount: number;
}

/** One prefix of the ipcache. */
export interface IPListEntry {
  /** Always with a length: "10.1.0.5/32". */
  readonly cidr: string;
  readonly identity: number;
  /** Node behind which the prefix lives. */
  readonly hostIP?: string;
  readonly encryptKey?: number;
  readonly metadata?: { readonly source: string; readonly namespace?: string; readonly name?: string };
}

/** One family of a node's addresses. */
export interface NodeAddressingElement {
  readonly enabled?: boolean;
  readonly ip?: string;
  /** Pods' prefix. */
  readonly "alloc-range"?: string;
  readonly "address-type"?: string;
}

/** A node of the cluster. */
export interface NodeElement {
  /** "cluster/node". */
  readonly name: string;
  readonly "primary-address"?: { readonly ipv4?: NodeAddressingElement; readonly ipv6?: NodeAddressingElement };
  readonly "secondary-addresses"?: readonly NodeAddressingElement[];
  readonly "health-endpoint-address"?: { readonly ipv4?: NodeAddressingElement; readonly ipv6?: NodeAddressingElement };
  /** local, kvstore, custom-resource. */
  readonly source?: string;
}

/** Answer of GET /cluster/nodes (we always answer with all nodes as added). */
export interface ClusterNodeStatus {
  readonly "client-id"?: number;
  readonly self: string;
  readonly "nodes-added": readonly NodeElement[];
  readonly "nodes-removed"?: readonly NodeElement[];
}

/** Answer of GET, PUT and DELETE /policy. `policy` is JSON text. */
export interface Policy {
  readonly revision: number;
  readonly policy: string;
}

/** Where a rule stands. */
export interface PolicyRuleName {
  /** `namespace/name`. */
  readonly policy: string;
  readonly kind: string;
  readonly direction: "ingress" | "egress";
  /** Such as `ingress[0].toPorts[1]`. */
  readonly section: string;
}

/** The rule that a cookie of an entry or event stands for. */
export interface PolicyRuleCookie {
  readonly cookie: number;
  readonly rule: PolicyRuleName;
}

/** How often a rule decided: for each new flow, each denied packet, and each flow after policy changed. */
export interface PolicyRuleHits {
  readonly cookie: number;
  /** Absent for cookie 0: no rule decided, which is default deny. */
  readonly rule?: PolicyRuleName;
  readonly allowed: number;
  readonly denied: number;
  /** Would have been denied without audit mode. */
  readonly audited: number;
  /** As a rule of a staged policy. */
  readonly "staged-allowed": number;
  readonly "staged-denied": number;
}

/** Source prefixes that are denied, as of a revision. */
export interface PrefilterSpec {
  readonly revision: number;
  readonly deny: readonly string[];
}

export interface Prefilter {
  readonly spec: PrefilterSpec;
  readonly status: { readonly realized: PrefilterSpec };
}

/** A selector of a policy and the identities it matches now. */
export interface SelectorIdentityMapping {
  readonly selector: string;
  readonly labels: readonly (readonly { readonly key: string; readonly value: string; readonly source: string }[])[];
  readonly identities: readonly number[];
  readonly users: number;
}

/** A map as GET /map lists it. */
export interface BPFMapStatus {
  readonly path: string;
  readonly cache?: readonly BPFMapEntry[];
}

export interface BPFMapEntry {
  readonly key: string;
  readonly value?: string;
  readonly "desired-action"?: "ok" | "insert" | "delete";
  readonly "last-error"?: string;
}

export interface BPFMapList {
  readonly maps: readonly BPFMapStatus[];
}

/** One direction of a dropped packet, as its event tells it. */
export interface DropQuery {
  /** Endpoint whose programs dropped the packet; 0: host or overlay. */
  readonly endpoint: number;
  readonly direction: "ingress" | "egress" | "unknown";
  readonly sourceIdentity: number;
  readonly destinationIdentity: number;
  /** IP protocol number and destination port (ICMP: type) of the packet; 0: not known. */
  readonly protocol: number;
  readonly port: number;
  /** Rule cookie of the event; 0: none. */
  readonly cookie: number;
  /** Policy set of the event; 0: none. */
  readonly policySet: number;
}

/** A rule's home: "namespace/name" (cluster-wide policies "name") and the place in it, such as "ingress[0].toPorts[1]". */
export interface RuleReference {
  readonly policy: string;
  readonly section?: string;
}

/** The rule that would have allowed a packet but for these fields. */
export interface NearestMiss {
  readonly rule: RuleReference;
  readonly fields: readonly { readonly field: string; readonly expected: string; readonly found: string }[];
}

/** What decided a drop. */
export type DropExplanation =
  | ({ readonly kind: "rule" } & RuleReference)
  | {
      readonly kind: "default-deny";
      /** The policies that made default deny; empty when the enforcement mode did. */
      readonly by: readonly string[];
      readonly nearestMiss?: NearestMiss;
    }
  | { readonly kind: "unknown" };

/** Answer of POST /ipam. */
export interface IPAMResponse {
  readonly address: AddressPair;
  readonly ipv4?: IPAMAddressResponse;
  readonly ipv6?: IPAMAddressResponse;
  readonly "host-addressing": NodeAddressing;
}

export interface IPAMAddressResponse {
  readonly ip: string;
  readonly gateway?: string;
  readonly cidrs?: readonly string[];
  readonly "expiration-uuid"?: string;
}

/** Addresses of an endpoint. */
export interface AddressPair {
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly "ipv4-expiration-uuid"?: string;
  readonly "ipv6-expiration-uuid"?: string;
  readonly "ipv4-pool-name"?: string;
  readonly "ipv6-pool-name"?: string;
}

/** Router addresses of the node (`ip`) and its pods' prefixes. */
export interface NodeAddressing {
  readonly ipv4?: NodeAddressingElement;
  readonly ipv6?: NodeAddressingElement;
}
