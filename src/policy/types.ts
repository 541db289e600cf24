// SPDX-License-Identifier: Apache-2.0
// The engine's own form of policies, between the parser and the map entries.
import type { Labels } from "../core/index.ts";

export type Direction = "ingress" | "egress";
export const directions: readonly Direction[] = ["ingress", "egress"];

/** When endpoints are default deny: once a rule selects them, always, or never. */
export type EnforcementMode = "default" | "always" | "never";

export type SelectorOperator = "In" | "NotIn" | "Exists" | "DoesNotExist";

/** One condition on labels. Source `any` is every source. */
export interface Requirement {
  readonly source: string;
  readonly key: string;
  readonly operator: SelectorOperator;
  /** Sorted and distinct; empty for Exists and DoesNotExist. */
  readonly values: readonly string[];
}

/** Conditions that must all hold; without any it selects everything. Equal selectors have equal `text`. */
export interface Selector {
  /** Form of `cilium policy selectors`: `&LabelSelector{MatchLabels:map[string]string{any.app: x,},…}`. */
  readonly text: string;
  readonly requirements: readonly Requirement[];
}

/** Ports of one `ports` item. */
export interface PortMatch {
  /** IP protocol numbers; TCP, UDP and SCTP for ANY. */
  readonly protocols: readonly number[];
  /** First and last port, both included; 0 to 65535 is every port. */
  readonly first: number;
  readonly last: number;
}

/** One `toPorts` item. Without ports it allows and denies nothing. */
export interface PortRule {
  /** Such as `ingress[0].toPorts[1]`. */
  readonly section: string;
  readonly ports: readonly PortMatch[];
}

/** One item of `ingress` or `egress`. */
export interface DirectionRule {
  /** Such as `ingress[0]`, or `specs[1].ingress[0]`. */
  readonly section: string;
  /** Undefined: any peer. Empty: nobody. */
  readonly peers: readonly Selector[] | undefined;
  /** Undefined: every protocol and port, ICMP too. */
  readonly toPorts: readonly PortRule[] | undefined;
}

/** A label that a policy's author put on a rule. */
export interface RuleLabel {
  readonly source: string;
  readonly key: string;
  readonly value: string;
}

/** One `spec`. */
export interface Rule {
  /** `spec` or `specs[n]`. */
  readonly path: string;
  /** Already narrowed to the policy's namespace. */
  readonly subject: Selector;
  readonly ingress: readonly DirectionRule[];
  readonly egress: readonly DirectionRule[];
  /** Whether rules of the direction make selected endpoints default deny. */
  readonly defaultDeny: Readonly<Record<Direction, boolean>>;
  readonly description?: string;
  readonly labels: readonly RuleLabel[];
}

/** A policy that has passed every check. */
export interface ParsedPolicy {
  /** `kind/namespace/name`. */
  readonly id: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
  readonly rules: readonly Rule[];
}

/** Which text of which policy decided. */
export interface RuleOrigin {
  /** `namespace/name`. */
  readonly policy: string;
  readonly kind: string;
  readonly direction: Direction;
  /** Such as `ingress[0].toPorts[1]`; `host` for the host's standing right to reach its pods. */
  readonly section: string;
  readonly description?: string;
}

export type Verdict = "allow" | "deny" | "audit";

/** A policy entry as the kernel's maps hold it (bpf/abi/policy.h), without its set. */
export interface PolicyEntry {
  readonly direction: Direction;
  /** 0: any. */
  readonly identity: number;
  /** IP protocol; 0: any, then `portPrefix` is 0. */
  readonly protocol: number;
  /** For ICMP the type. Bits behind `portPrefix` are 0. */
  readonly port: number;
  /** Leading bits of `port` that count: 0 every port, 16 exactly one. */
  readonly portPrefix: number;
  readonly verdict: Verdict;
  /** Names the rule; see CookieRegistry. */
  readonly cookie: number;
  /** 0: no proxy. */
  readonly proxyPort: number;
  readonly authType: number;
}

/** An identity as the engine takes it. */
export interface PolicyIdentity {
  readonly id: number;
  readonly labels: Labels;
}

/** The policy of one identity, ready for the kernel. Immutable. */
export interface EndpointPolicy {
  /** Of the engine, when this was resolved. */
  readonly revision: number;
  readonly ingressEnforced: boolean;
  readonly egressEnforced: boolean;
  /** Policies (`namespace/name`) whose rules made the direction default deny, sorted; empty if the mode did. */
  readonly defaultDenyBy: Readonly<Record<Direction, readonly string[]>>;
  /** Sorted; none for a direction that is not enforced. */
  readonly entries: readonly PolicyEntry[];
  /** Equal for equal entries and enforcement. */
  readonly fingerprint: string;
}

/** A flow as policy sees it. */
export interface PolicyFlow {
  readonly direction: Direction;
  /** Of the other side. */
  readonly identity: number;
  /** IP protocol. */
  readonly protocol: number;
  /** Destination port; for ICMP the type. */
  readonly port: number;
}
