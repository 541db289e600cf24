// SPDX-License-Identifier: Apache-2.0
// Everything that is to be said about a file of policies before they are used.
import { formatPath, PolicyParseError, type PolicyRejection } from "../errors.ts";
import { policyName } from "../names.ts";
import { type CidrGroup, cidrGroupKind, parseCidrGroup } from "../parse/cidr-group.ts";
import { type PolicyText, readPolicyTexts } from "../parse/documents.ts";
import { type ParsePolicyOptions, parsePolicy } from "../parse/policy.ts";
import { schemaProblems } from "../schema/schema.ts";
import type { ParsedPolicy } from "../types.ts";
import { type ClusterAddress, coveredBlocks, describeCovered } from "./covered.ts";
import { readAll } from "./problems.ts";

/** One thing to be said. `error`: the agent refuses the policy; `schema`: an API server does; `warning`: think again. */
export interface PolicyProblemReport {
  readonly severity: "error" | "schema" | "warning";
  /** `FILE, document 2`. */
  readonly origin: string;
  readonly line: number;
  /** Empty where it is not known. */
  readonly policy: string;
  /** Such as `spec.ingress[0].toPorts[1]`. */
  readonly path: string;
  readonly reason?: PolicyRejection;
  /** What was found and what is expected. */
  readonly problem: string;
}

export interface ValidationReport {
  /** Names of policies and CIDR groups that the agent takes, as written. */
  readonly valid: readonly string[];
  /** In the order of the text. */
  readonly problems: readonly PolicyProblemReport[];
}

/** What to compare CIDR blocks with. */
export interface ValidationOptions extends ParsePolicyOptions {
  readonly addresses?: readonly ClusterAddress[];
  /** Of `pods` and `nodes`. */
  readonly cidrMatchMode?: readonly string[];
}

/** Reads a text and reports on every object in it. Never throws for what the text says. */
export function validatePolicies(text: string, file: string, options: ValidationOptions = {}): ValidationReport {
  const reports = textsOf(text, file).map((item) => ("error" in item ? badText(item.error) : reportOf(item, options)));
  return { valid: reports.flatMap(({ valid }) => valid), problems: reports.flatMap(({ problems }) => problems) };
}

function textsOf(text: string, file: string): readonly (PolicyText | { readonly error: PolicyParseError })[] {
  try {
    return readPolicyTexts(text, file);
  } catch (error) {
    if (!(error instanceof PolicyParseError)) throw error;
    return [{ error }];
  }
}

function badText({ message, reason, source }: PolicyParseError): ValidationReport {
  const { origin = "", line = 0 } = source;
  return { valid: [], problems: [{ severity: "error", origin, line, policy: "", path: "", reason, problem: message }] };
}

type Taken = ParsedPolicy | CidrGroup;

function reportOf({ resource, origin, lineOf }: PolicyText, options: ValidationOptions): ValidationReport {
  const { value, errors } = readAll<Taken>(resource, (object) =>
    isCidrGroup(object) ? parseCidrGroup(object) : parsePolicy(object, { ...options, origin }),
  );
  const policy = value === undefined ? (errors[0]?.error.source.policy ?? "") : nameOf(value);
  const common = { origin, policy };
  const refused = errors.map(({ error, path }): PolicyProblemReport => {
    const problem = error.problem.replace(error.path, formatPath(path));
    return { severity: "error", ...common, line: lineOf(path), path: formatPath(path), reason: error.reason, problem };
  });
  const seen = new Set(refused.map(({ path }) => path));
  const schema = schemaProblems(resource)
    .map(({ path, expected }) => ({ line: lineOf(path), path: formatPath(path), expected }))
    .filter(({ path }) => !seen.has(path))
    .map(({ line, path, expected }): PolicyProblemReport => {
      return { severity: "schema", ...common, line, path, problem: `${path}: expected ${expected}` };
    });
  const blocks = value === undefined || !("rules" in value) ? [] : coveredIn(value, options);
  const warnings = blocks.map((problem): PolicyProblemReport => {
    return { severity: "warning", ...common, line: lineOf([]), path: "", problem };
  });
  return { valid: value === undefined ? [] : [policy], problems: [...refused, ...schema, ...warnings] };
}

function coveredIn(policy: ParsedPolicy, { addresses = [], cidrMatchMode = [] }: ValidationOptions): readonly string[] {
  return coveredBlocks(policy, addresses, cidrMatchMode).map(describeCovered);
}

function nameOf(taken: Taken): string {
  return "rules" in taken ? policyName(taken) : taken.name;
}

function isCidrGroup(object: unknown): boolean {
  return typeof object === "object" && object !== null && "kind" in object && object.kind === cidrGroupKind;
}
