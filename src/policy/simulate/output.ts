// SPDX-License-Identifier: Apache-2.0
// Answers in the form of the case files, and how they differ from what a file expects.
import { isDeepStrictEqual } from "node:util";
import type { CaseAnswer, CaseFlow, FlowAnswer, L7Answer, PolicyCase, RuleAnswer, SideAnswer } from "./types.ts";

/** A flow's answer as JSON: `egress`, `egressL7`, `egressAuth`, `egressRule`, and the same for ingress. */
export interface FlowOutput {
  readonly [field: string]: string | L7Answer | RuleAnswer;
}

export interface CaseOutput {
  readonly id: string;
  readonly rejected?: CaseAnswer["rejected"];
  readonly flows: readonly FlowOutput[];
}

/** One value that is not as expected. */
export interface Difference {
  readonly id: string;
  /** `rejected`, or the flow in words and the field: `a -> b TCP 80 egress`. */
  readonly where: string;
  readonly expected: unknown;
  readonly found: unknown;
}

/** The answer as one line of `-o json`. */
export function caseOutput({ id, rejected, flows }: CaseAnswer): CaseOutput {
  return { id, ...(rejected.length === 0 ? {} : { rejected }), flows: flows.map(flowOutput) };
}

function flowOutput({ egress, ingress }: FlowAnswer): FlowOutput {
  return { ...sideOutput("egress", egress), ...sideOutput("ingress", ingress) };
}

function sideOutput(name: string, side: SideAnswer | undefined): FlowOutput {
  if (side === undefined) return {};
  const { verdict, l7, auth, rule } = side;
  return {
    [name]: verdict,
    ...(l7 === undefined ? {} : { [`${name}L7`]: l7 }),
    ...(auth === undefined ? {} : { [`${name}Auth`]: auth }),
    ...("default" in rule && rule.default === "allow" ? {} : { [`${name}Rule`]: rule }),
  };
}

const comparedFields = ["egress", "egressL7", "egressAuth", "ingress", "ingressL7", "ingressAuth"];

/** Everything in which an answer differs from the values that the case expects. What decided is not compared. */
export function differences(vector: PolicyCase, answer: CaseAnswer): readonly Difference[] {
  const { id } = vector;
  const found: Difference[] = [];
  const reasons = (list: readonly { readonly manifest: number; readonly reason: string }[]) =>
    list.map(({ manifest, reason }) => `${manifest}: ${reason}`).sort();
  const [expected, actual] = [reasons(vector.rejected ?? []), reasons(answer.rejected)];
  if (!isDeepStrictEqual(expected, actual)) found.push({ id, where: "rejected", expected, found: actual });
  const { flows } = caseOutput(answer);
  for (const [index, flow] of vector.flows.entries()) {
    const wanted = flow as CaseFlow & Readonly<Record<string, unknown>>;
    for (const field of comparedFields) {
      const [a, b] = [comparable(wanted[field]), comparable(flows[index]?.[field])];
      if (!isDeepStrictEqual(a, b)) found.push({ id, where: `${describeFlow(flow)} ${field}`, expected: a, found: b });
    }
  }
  return found;
}

/** `a -> b TCP 80`. */
export function describeFlow({ from, to, proto, port, type }: CaseFlow): string {
  return `${from} -> ${to} ${proto} ${port ?? type ?? 0}`;
}

/** The order of rules and names does not count, nor does that of a rule's fields. */
function comparable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { rules, serverNames, ...rest } = value as Readonly<Record<string, unknown>>;
  const sorted = (list: unknown) => (Array.isArray(list) ? list.map(canonical).sort() : undefined);
  return { ...rest, rules: sorted(rules), serverNames: sorted(serverNames) };
}

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
