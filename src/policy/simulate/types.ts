// SPDX-License-Identifier: Apache-2.0
// Questions to the policy engine and its answers, in the form `policy-vectors/1`.
import type { NearestMiss } from "../engine/explain.ts";
import type { Direction, EnforcementMode } from "../types.ts";

/** What differs from the defaults of an agent. */
export interface CaseConfig {
  readonly ipv6?: boolean;
  readonly hostFirewall?: boolean;
  readonly nodeSelectorLabels?: boolean;
  /** Of `nodes` and `pods`: whose addresses CIDR rules match too. */
  readonly policyCIDRMatchMode?: readonly string[];
  readonly enforcement?: EnforcementMode;
  readonly allowLocalhost?: "always" | "policy";
  readonly policyDefaultLocalCluster?: boolean;
}

/** A pod. */
export interface CaseEndpoint {
  readonly name: string;
  readonly ip?: string;
  /** Complete security labels, `source:key=value`. */
  readonly labels: readonly string[];
  readonly ports?: readonly { readonly name: string; readonly port: number; readonly protocol?: string }[];
}

export interface CaseNode {
  readonly name: string;
  readonly ip: string;
  /** `key=value`, without source. */
  readonly labels?: readonly string[];
  readonly local?: boolean;
  readonly kubeAPIServer?: boolean;
}

export interface HttpProbe {
  readonly method: string;
  /** Request target with its query. */
  readonly path: string;
  readonly host?: string;
  /** By name, or a list of `NAME: VALUE`. */
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
}

/** A new connection. Expected values are there, but nobody reads them to answer. */
export interface CaseFlow {
  readonly from: string;
  readonly to: string;
  readonly proto: string;
  readonly port?: number;
  readonly type?: number;
}

export interface PolicyCase {
  readonly id: string;
  readonly title?: string;
  readonly config?: CaseConfig;
  readonly manifests: readonly unknown[];
  readonly endpoints: readonly CaseEndpoint[];
  readonly nodes?: readonly CaseNode[];
  readonly kubeAPIServer?: readonly string[];
  readonly fqdn?: Readonly<Record<string, readonly string[]>>;
  readonly rejected?: readonly { readonly manifest: number; readonly reason: string }[];
  readonly httpRequests?: readonly HttpProbe[];
  readonly dnsQueries?: readonly string[];
  readonly flows: readonly CaseFlow[];
}

export type SideVerdict = "allow" | "deny" | "redirect" | "error";

/** What a proxy lets pass; `http` and `dns` answer the case's probes, index by index. */
export interface L7Answer {
  readonly parser: string;
  readonly allowAll?: true;
  readonly rules?: readonly object[];
  readonly serverNames?: readonly string[];
  readonly http?: readonly boolean[];
  readonly dns?: readonly boolean[];
}

/** What decided. */
export type RuleAnswer =
  | { readonly policy: string; readonly section: string; readonly kind: string }
  | { readonly default: "deny"; readonly by: readonly string[]; readonly nearestMiss?: NearestMiss }
  | { readonly default: "allow" }
  | { readonly error: string };

/** One side of a flow. */
export interface SideAnswer {
  readonly verdict: SideVerdict;
  readonly rule: RuleAnswer;
  readonly l7?: L7Answer;
  /** `required`, or `always-fail`. */
  readonly auth?: string;
}

/** A side is absent where nothing enforces. */
export type FlowAnswer = Readonly<Partial<Record<Direction, SideAnswer>>>;

export interface Rejection {
  readonly manifest: number;
  readonly reason: string;
  readonly message: string;
}

export interface CaseAnswer {
  readonly id: string;
  readonly rejected: readonly Rejection[];
  readonly flows: readonly FlowAnswer[];
}
