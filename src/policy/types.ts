// SPDX-License-Identifier: Apache-2.0
// The engine's own form of policies, between the parser and the map entries.
import type { Cidr, Labels } from "../core/index.ts";

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

/** Addresses by prefix. Holds for identities with a `cidr:` label inside of `cidr` and of none of `except`. */
export interface PrefixCondition {
  readonly cidr: Cidr;
  readonly except: readonly Cidr[];
}

/** A DNS name, lower case without trailing dot, or a pattern with `*`. Holds for identities with a `fqdn:` label of it. */
export type NameCondition = { readonly matchName: string } | { readonly matchPattern: string };

/** Conditions that must all hold; without any it selects everything. Equal selectors have equal `text`. */
export interface Selector {
  /** Form of `cilium policy selectors`: `&LabelSelector{MatchLabels:map[string]string{any.app: x,},…}`. */
  readonly text: string;
  readonly requirements: readonly Requirement[];
  readonly prefix?: PrefixCondition;
  readonly fqdn?: NameCondition;
}

/** Peers that only other objects can tell: the prefixes of CIDR groups, the backends of services. */
export type PeerReference =
  | { readonly kind: "cidr-group"; readonly name: string; readonly except: readonly Cidr[] }
  /** Groups by their labels; a selector of sources `any`. */
  | { readonly kind: "cidr-group-selector"; readonly selector: Selector; readonly except: readonly Cidr[] }
  | { readonly kind: "service"; readonly namespace: string; readonly name: string }
  /** Services by their labels, in one namespace or (undefined) in all. */
  | { readonly kind: "service-selector"; readonly selector: Selector; readonly namespace: string | undefined };

/** One peer of a rule. Only references have a `kind`. */
export type Peer = Selector | PeerReference;

/** Ports of one `ports` item, or types of one `icmps` item. */
export interface PortMatch {
  /** IP protocol numbers; TCP, UDP and SCTP for ANY; 1 or 58 for ICMP. */
  readonly protocols: readonly number[];
  /** First and last port (ICMP: type), both included; 0 to 65535 is every port. With `name` both are 0. */
  readonly first: number;
  readonly last: number;
  /** A named port, lower case: looked up at the subject for ingress, at each destination for egress. */
  readonly name?: string;
}

/** A rule about HTTP requests, in the form of the policy API. Empty fields are left out. */
export interface HttpRule {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
  readonly headerMatches?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly mismatch?: "LOG" | "ADD" | "DELETE" | "REPLACE";
    readonly secret?: { readonly namespace?: string; readonly name: string };
  }[];
}

/** A rule about DNS questions. */
export interface DnsRule {
  readonly matchName?: string;
  readonly matchPattern?: string;
}

/** The `rules` of a `toPorts` item. An empty list asks for no proxy, but for `custom`, whose own parser decides. */
export type L7Rules =
  | { readonly parser: "http"; readonly rules: readonly HttpRule[] }
  | { readonly parser: "dns"; readonly rules: readonly DnsRule[] }
  | { readonly parser: "kafka"; readonly rules: readonly Readonly<Record<string, unknown>>[] }
  /** `l7proto`; rules are the plug-in's own. */
  | { readonly parser: "custom"; readonly name: string; readonly rules: readonly Readonly<Record<string, string>>[] };

/** An Envoy listener that a `toPorts` item sends traffic to. */
export interface ListenerReference {
  readonly config: { readonly kind: string; readonly name: string };
  readonly name: string;
  readonly priority?: number;
}

/** One `toPorts` or `icmps` item. Without ports it allows and denies nothing. */
export interface PortRule {
  /** Such as `ingress[0].toPorts[1]` or `ingress[0].icmps[0]`. */
  readonly section: string;
  readonly ports: readonly PortMatch[];
  readonly l7?: L7Rules;
  /** TLS server names (SNI) that may be asked for. */
  readonly serverNames?: readonly string[];
  /** Whether TLS is ended (terminatingTLS) or begun (originatingTLS) by the proxy. */
  readonly tls?: { readonly terminating: boolean; readonly originating: boolean };
  readonly listener?: ListenerReference;
}

/** `pass` leaves the decision to the next tier. */
export type RuleAction = "allow" | "deny" | "pass";

export type AuthenticationMode = "required" | "disabled" | "test-always-fail";

/** One item of `ingress`, `ingressDeny`, `egress` or `egressDeny`. */
export interface DirectionRule {
  /** Such as `ingress[0]`, or `specs[1].egressDeny[0]`. */
  readonly section: string;
  readonly action: RuleAction;
  /** Undefined: any peer. Empty: nobody. */
  readonly peers: readonly Peer[] | undefined;
  /** A field whose empty list says nothing, so that the rule is about anybody if no other field has peers. */
  readonly emptyPeers?: string;
  /** Undefined: every protocol and port, ICMP too. `icmps` are among them. */
  readonly toPorts: readonly PortRule[] | undefined;
  readonly authentication?: AuthenticationMode;
}

/**
 * Where a rule stands. Tiers in this order: `admin`, `normal` (NetworkPolicy and Cilium's kinds), `baseline`. In
 * `normal` denies come before allows whatever their order; in the others the lowest priority number, then the first
 * rule, decides.
 */
export type PolicyTier = "admin" | "normal" | "baseline";

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
  /** `node`: a nodeSelector, which selects host endpoints only. */
  readonly subjectKind: "endpoint" | "node";
  readonly tier: PolicyTier;
  /** Within a tier, 0 to 1000; 0 in `normal`. */
  readonly priority: number;
  /** Allows and denies. */
  readonly ingress: readonly DirectionRule[];
  readonly egress: readonly DirectionRule[];
  /** Whether rules of the direction make selected endpoints default deny. */
  readonly defaultDeny: Readonly<Record<Direction, boolean>>;
  readonly description?: string;
  /** Text that an author wants beside the rule's verdicts in events. */
  readonly log?: string;
  readonly labels: readonly RuleLabel[];
}

/** A policy that has passed every check. */
export interface ParsedPolicy {
  /** `kind/namespace/name`; the namespace of a clusterwide policy is empty. */
  readonly id: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
  /** Its verdicts are computed beside the enforced ones and change nothing. */
  readonly staged: boolean;
  /** What it alone denies is reported and passes. */
  readonly audit: boolean;
  readonly rules: readonly Rule[];
}

/** Which text of which policy decided. */
export interface RuleOrigin {
  /** `namespace/name`, or the name of a clusterwide one. */
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
  /**
   * Stands for no rule at all: with `deny` the default deny, with `audit` that of audited policies alone, with `allow` a
   * direction that only staged policies would enforce (then the direction has to be written as enforced, and a catch-all
   * entry of this kind answers where no other does).
   */
  readonly isDefault?: true;
  /** What would be with the staged policies in force too; absent: no staged policy selects the endpoint here. */
  readonly staged?: StagedVerdict;
  /** The traffic goes through a proxy, which decides on each request; with `allow` only. */
  readonly l7?: L7Redirect;
}

/** What a proxy lets pass of an entry's traffic. */
export interface L7Redirect {
  /** `http`, `dns`, `tls`, `kafka`, `crd`, or the name of an `l7proto`. */
  readonly parser: string;
  /** Every request passes; then there are no rules and no names. */
  readonly allowAll: boolean;
  /** One matching rule lets a request pass. Distinct; those of the parser. */
  readonly rules: readonly object[];
  /** TLS server names that may be asked for, sorted. */
  readonly serverNames: readonly string[];
  readonly listener?: ListenerReference;
  /** Equal for equal redirects. */
  readonly text: string;
}

/** The answer of the staged policies together with those in force. */
export interface StagedVerdict {
  readonly verdict: "allow" | "deny" | "default-deny";
  /** Names the rule; 0: none. */
  readonly cookie: number;
}

/** A named port of a pod; the name in lower case. */
export interface NamedPort {
  readonly name: string;
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** An identity as the engine takes it. */
export interface PolicyIdentity {
  readonly id: number;
  readonly labels: Labels;
}

/** An entry of every peer that the policy treats alike. */
export type PortEntry = Omit<PolicyEntry, "direction" | "identity">;

/** What a policy says of each peer in one direction. It follows identities: read it, do not keep copies. */
export interface PeerEntries {
  /** Entries by peer (0: anybody) and packed port; peers with equal entries share a map, which never changes. */
  readonly groups: ReadonlyMap<number, ReadonlyMap<number, PortEntry>>;
  /** Grows with each change. */
  readonly version: number;
  /** Peers that changed since a version; undefined when that is not known any more. */
  changedSince(version: number): Iterable<number> | undefined;
}

/** The policy of one identity, ready for the kernel. Immutable but for what `peers` says. */
export interface EndpointPolicy {
  /** Of the engine, when this was resolved. */
  readonly revision: number;
  readonly ingressEnforced: boolean;
  readonly egressEnforced: boolean;
  /** Policies, by RuleOrigin's names, whose rules made the direction default deny, sorted; empty if the mode did. */
  readonly defaultDenyBy: Readonly<Record<Direction, readonly string[]>>;
  /** The same object for all endpoints for which the same rules hold in a direction. */
  readonly peers: Readonly<Record<Direction, PeerEntries>>;
  /** Sorted; none for a direction that is not enforced. As they were when they were first read. */
  readonly entries: readonly PolicyEntry[];
  /** Equal for equal entries and enforcement. */
  readonly fingerprint: string;
  /** Why the policy cannot be computed (rules that cannot be merged): then everything is denied in both directions. */
  readonly error?: string;
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
