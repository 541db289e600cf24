// SPDX-License-Identifier: Apache-2.0
// Why a policy was refused, with everything an author needs to mend it.
import { CiliumError, oneLine } from "../core/index.ts";

/** Kinds of mistakes, as the policy vectors name them, and those that only we have. */
export type PolicyRejection =
  | "name-missing"
  | "no-spec"
  | "no-rules"
  | "no-subject"
  | "two-subjects"
  | "node-selector-namespaced"
  | "bad-selector"
  | "peer-combination"
  | "nodes-disabled"
  | "cidr-source"
  | "bad-cidr"
  | "except-outside"
  | "bad-entity"
  | "bad-port"
  | "too-many-ports"
  | "bad-protocol"
  | "icmp-with-ports"
  | "bad-icmp"
  | "too-many-icmp"
  | "l7-not-tcp"
  | "l7-port-zero"
  | "l7-mixed"
  | "l7-on-host"
  | "dns-on-ingress"
  | "dns-no-port"
  | "dns-port-range"
  | "bad-regex"
  | "bad-header"
  | "bad-dns-name"
  | "fqdn-both"
  | "bad-server-name"
  | "listener-not-allowed"
  | "not-supported"
  | "unknown-field"
  | "bad-type"
  | "bad-document";

/** Path into a document: field names and list indexes. */
export type DocumentPath = readonly (string | number)[];

export interface PolicyProblem {
  readonly reason: PolicyRejection;
  readonly path: DocumentPath;
  /** What is wrong: what was found and what was expected. */
  readonly problem: string;
}

/** Where a policy came from, as far as known. */
export interface PolicySource {
  /** File, or `API`. */
  readonly origin?: string;
  /** `namespace/name`. */
  readonly policy?: string;
  readonly line?: number;
}

/** A policy that is refused as a whole. The message names its source, the path in it, what was found and expected. */
export class PolicyParseError extends CiliumError {
  readonly reason: PolicyRejection;
  /** Such as `spec.ingress[0].toPorts[1].ports[0].port`. */
  readonly path: string;
  readonly segments: DocumentPath;
  readonly source: PolicySource;
  readonly #problem: PolicyProblem;

  constructor(problem: PolicyProblem, source: PolicySource = {}) {
    super(describe(problem, source), { code: "POLICY_INVALID" });
    this.reason = problem.reason;
    this.path = formatPath(problem.path);
    this.segments = problem.path;
    this.source = source;
    this.#problem = problem;
  }

  /** What was found and what was expected, without the policy and its source. */
  get problem(): string {
    return this.#problem.problem;
  }

  /** The same error with more said about where the policy came from. */
  from(source: PolicySource): PolicyParseError {
    return new PolicyParseError(this.#problem, { ...this.source, ...source });
  }
}

/** `spec.ingress[0].toPorts`; keys that are no plain words in brackets and quotes. */
export function formatPath(path: DocumentPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

function describe(problem: PolicyProblem, source: PolicySource): string {
  const line = source.line === undefined ? [] : [`line ${source.line}`];
  const where = [...(source.origin === undefined ? [] : [source.origin]), ...line].join(", ");
  const name = source.policy === undefined ? "policy" : `policy "${oneLine(source.policy, 320)}"`;
  return oneLine(`Cannot use ${name}${where === "" ? "" : ` (${where})`}: ${problem.problem}`);
}

/** An import that would replace a policy of another source. */
export class PolicyConflictError extends CiliumError {
  constructor(id: string, source: string) {
    super(`Cannot import policy "${id}": it comes from ${source} (change it there)`, { code: "POLICY_CONFLICT" });
  }
}
