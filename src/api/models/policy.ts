// SPDX-License-Identifier: Apache-2.0
// Policies, their selectors and rules, and what decided a drop; the prefilter.
import { z } from "zod";
import { PrefilterSpec } from "./request.ts";
import { count, longText, type Model, optional, texts } from "./schema.ts";

export const PolicyEnabled = z.enum([
  "none",
  "ingress",
  "egress",
  "both",
  "audit-ingress",
  "audit-egress",
  "audit-both",
]);

export const PolicyRuleStatus = z.strictObject({
  rule: longText.describe("JSON text of the resolved filter: port, endPort, protocol"),
  "derived-from-rules": optional(z.array(texts)),
  "rules-by-selector": optional(z.record(longText, z.array(texts)).describe("Of peers")),
});

export const Policy = z
  .strictObject({ revision: count, policy: longText.describe("JSON text") })
  .describe("All policies that are in force");

const object = z.record(longText, z.unknown());

export const PolicyResources = z
  .union([object, z.array(object)])
  .describe("Policies as manifests or bare rules: one, an array of them, or a Kubernetes List");

const direction = z.enum(["ingress", "egress"]);

export const PolicyRuleName = z
  .strictObject({
    policy: longText.describe("namespace/name"),
    kind: longText,
    direction,
    section: longText.describe("Such as ingress[0].toPorts[1]"),
  })
  .describe("Where a rule stands");

export const PolicyRuleCookie = z
  .strictObject({ cookie: count, rule: PolicyRuleName })
  .describe("The rule that a cookie of an entry or event stands for");

export const PolicyRuleHits = z
  .strictObject({
    cookie: count,
    rule: optional(PolicyRuleName.describe("Absent for cookie 0: no rule decided, which is default deny")),
    allowed: count,
    denied: count,
    audited: count.describe("Would have been denied without audit mode"),
    "staged-allowed": count.describe("As a rule of a staged policy"),
    "staged-denied": count,
  })
  .describe("How often a rule decided: for each new flow, each denied packet, and each flow after policy changed");

const labelTexts = texts.describe("source:key=value");

export const PolicyReferences = z
  .strictObject({
    cidrGroups: z.array(z.strictObject({ name: longText, labels: labelTexts, cidrs: texts })),
    services: z.array(
      z.strictObject({
        namespace: longText,
        name: longText,
        labels: labelTexts,
        backends: z
          .array(z.strictObject({ labels: optional(labelTexts), cidr: optional(longText) }))
          .describe("Pods with all of these labels, or a prefix"),
      }),
    ),
  })
  .describe("CIDR groups and services, for policies that refer to them");

export const SelectorIdentityMapping = z
  .strictObject({
    selector: longText,
    labels: z
      .array(z.array(z.strictObject({ key: longText, value: longText, source: longText })))
      .describe("Name and namespace of each policy that uses it"),
    identities: z.array(count),
    users: count,
  })
  .describe("A selector of a policy and the identities it matches now");

export const RuleReference = z
  .strictObject({ policy: longText, section: optional(longText) })
  .describe("namespace/name (cluster-wide policies name), and the place in the policy");

export const NearestMiss = z
  .strictObject({
    rule: RuleReference,
    fields: z.array(z.strictObject({ field: longText, expected: longText, found: longText })),
  })
  .describe("The rule that would have allowed a packet but for these fields");

export const DropExplanation = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("rule"), policy: longText, section: optional(longText) }),
    z.strictObject({
      kind: z.literal("default-deny"),
      by: texts.describe("The policies that made default deny; empty when the enforcement mode did"),
      nearestMiss: optional(NearestMiss),
    }),
    z.strictObject({ kind: z.literal("unknown") }),
  ])
  .describe("What decided a drop");

export const Prefilter = z.strictObject({
  spec: PrefilterSpec,
  status: z.strictObject({ realized: PrefilterSpec }),
});

export type PolicyEnabled = Model<typeof PolicyEnabled>;
export type PolicyRuleStatus = Model<typeof PolicyRuleStatus>;
export type Policy = Model<typeof Policy>;
export type PolicyRuleName = Model<typeof PolicyRuleName>;
export type PolicyRuleCookie = Model<typeof PolicyRuleCookie>;
export type PolicyRuleHits = Model<typeof PolicyRuleHits>;
export type PolicyReferences = Model<typeof PolicyReferences>;
export type SelectorIdentityMapping = Model<typeof SelectorIdentityMapping>;
export type RuleReference = Model<typeof RuleReference>;
export type NearestMiss = Model<typeof NearestMiss>;
export type DropExplanation = Model<typeof DropExplanation>;
/** Answers always say both fields. */
export interface Prefilter {
  readonly spec: PrefilterSpec;
  readonly status: { readonly realized: PrefilterSpec };
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
