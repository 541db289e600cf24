// SPDX-License-Identifier: Apache-2.0
// The policy calls of the REST API.
import {
  type AgentApi,
  ApiError,
  type DropExplanation,
  type DropQuery,
  type SelectorIdentityMapping,
} from "../../../src/api/index.ts";
import type { ReadonlyTable } from "../../../src/core/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import {
  cookieHost,
  formatReferences,
  matchesSelector,
  type PolicyEngine,
  type PolicyModule,
  type PolicyRow,
  splitPolicyName,
} from "../../../src/policy/index.ts";
import { withStatus } from "./with-status.ts";

export interface PolicyApiDeps {
  readonly engine: PolicyEngine;
  readonly module: PolicyModule;
  readonly policies: ReadonlyTable<PolicyRow, string>;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
}

type PolicyCalls = Pick<
  AgentApi,
  | "getPolicy"
  | "putPolicy"
  | "deletePolicy"
  | "policySelectors"
  | "policySubjectSelectors"
  | "policyReferences"
  | "policyRules"
  | "explainDrop"
>;

export function createPolicyCalls(deps: PolicyApiDeps): PolicyCalls {
  const current = () => ({
    revision: deps.engine.revision,
    policy: JSON.stringify(
      [...deps.policies.all()].sort((a, b) => (a.id < b.id ? -1 : 1)).map((row) => row.resource),
      null,
      2,
    ),
  });
  return {
    getPolicy: current,
    putPolicy(resources) {
      withStatus(() => deps.module.import(resources));
      return current();
    },
    deletePolicy({ name }) {
      if (deps.module.remove(name) === 0) {
        const what = name === undefined ? "there is no imported policy" : `there is no imported policy "${name}"`;
        throw new ApiError(404, `Cannot delete policy: ${what} (policies of manifests go with their files)`);
      }
      return current();
    },
    policySelectors: () =>
      deps.engine.selectors().map((row) => ({
        selector: row.selector,
        labels: row.labels.map((policy) => {
          const { namespace, name } = splitPolicyName(policy);
          return policyLabels(namespace, name);
        }),
        identities: row.identities,
        users: row.users,
      })),
    policySubjectSelectors: () => subjectSelectors(deps),
    policyReferences: () => formatReferences(deps.engine.references()),
    policyRules: () =>
      [cookieHost, ...deps.engine.cookies.toJSON().cookies.map(([cookie]) => cookie)].flatMap((cookie) => {
        const rule = deps.engine.ruleOf(cookie);
        if (rule === undefined) return [];
        const { policy, kind, direction, section } = rule;
        return [{ cookie, rule: { policy, kind, direction, section } }];
      }),
    explainDrop: (query) => explain(deps, query),
  };
}

function policyLabels(namespace: string, name: string): SelectorIdentityMapping["labels"][number] {
  return [
    { source: "k8s", key: "io.cilium.k8s.policy.namespace", value: namespace },
    { source: "k8s", key: "io.cilium.k8s.policy.name", value: name },
  ];
}

/** Whom policies are about: their selectors, with those that they select among the identities of local endpoints. */
function subjectSelectors({ policies, endpoints }: PolicyApiDeps): SelectorIdentityMapping[] {
  const local = new Map(
    Array.from(
      endpoints.all(),
      ({ identity, identityLabels, labels }) => [identity, identityLabels ?? labels] as const,
    ),
  );
  const uses = [...policies.all()].flatMap((row) => row.rules.map(({ subject }) => ({ row, subject })));
  const bySelector = Map.groupBy(uses, ({ subject }) => subject.text);
  return Array.from(bySelector, ([selector, users]) => ({
    selector,
    labels: [...new Set(users.map(({ row }) => row))].map(({ namespace, name }) => policyLabels(namespace, name)),
    identities: [...local]
      .flatMap(([id, labels]) => {
        const selects = users.some(({ subject }) => matchesSelector(subject, labels));
        return id !== undefined && selects ? [id] : [];
      })
      .sort((a, b) => a - b),
    users: users.length,
  })).sort((a, b) => (a.selector < b.selector ? -1 : 1));
}

function explain({ engine, endpoints }: PolicyApiDeps, query: DropQuery): DropExplanation {
  const { direction, protocol, port } = query;
  const rule = query.cookie === 0 ? undefined : engine.ruleOf(query.cookie);
  if (rule !== undefined) return { kind: "rule", policy: rule.policy, section: rule.section };
  const endpoint = endpoints.get(query.endpoint);
  if (endpoint?.identity === undefined || direction === "unknown") return { kind: "unknown" };
  const remoteIdentity = direction === "ingress" ? query.sourceIdentity : query.destinationIdentity;
  const found = engine.explainDrop({ direction, localIdentity: endpoint.identity, remoteIdentity, protocol, port });
  if (!("default" in found) || found.default !== "deny") return { kind: "unknown" };
  const { by, nearestMiss: miss } = found;
  if (miss === undefined) return { kind: "default-deny", by };
  const { policy, section } = miss.rule;
  return { kind: "default-deny", by, nearestMiss: { rule: { policy, section }, fields: miss.fields } };
}
