// SPDX-License-Identifier: Apache-2.0
// policy selectors, policy subject-selectors: whom the selectors of policies in force match.
import type { AgentClient, SelectorIdentityMapping } from "../../../../src/api/index.ts";
import { type CommandSpec, flag } from "../../define.ts";
import { alignTable, type Line } from "../../output/table.ts";

type RuleLabels = readonly { readonly source: string; readonly key: string; readonly value: string }[];

export const selectors = selectorCommand("selectors", "Show selectors and the identities that they match", (client) =>
  client.policySelectors(),
);

export const subjectSelectors = selectorCommand(
  "subject-selectors",
  "Show selectors of those whom policies are about, and the identities that they match",
  (client) => client.policySubjectSelectors(),
);

function selectorCommand(
  usage: string,
  summary: string,
  ask: (client: AgentClient) => Promise<readonly SelectorIdentityMapping[]>,
): CommandSpec {
  return {
    usage,
    summary,
    options: [["-v, --verbose", "all labels of the policies, not just their names"]],
    run: async (context, call) => {
      const found = await ask(context.client());
      await context.result(found, () => formatSelectors(found, flag(call, "verbose") ? allLabels : policyName));
    },
  };
}

function formatSelectors(
  found: readonly SelectorIdentityMapping[],
  nameOf: (labels: RuleLabels) => string,
): readonly string[] {
  const rows = found
    .toSorted((a, b) => (a.selector < b.selector ? -1 : 1))
    .flatMap(({ selector, labels, users, identities }): Line[] => {
      const [first = "", ...others] = identities.toSorted((a, b) => a - b).map(String);
      const names = labels.map(nameOf).join(nameOf === policyName ? "," : ", ");
      return [[selector, names, String(users), first], ...others.map((id): Line => ["", "", "", id])];
    });
  return alignTable([["SELECTOR", "LABELS", "USERS", "IDENTITIES"]], rows);
}

function allLabels(labels: RuleLabels): string {
  const texts = labels.map(({ source, key, value }) => `${source}:${key}${value === "" ? "" : `=${value}`}`);
  return `[${texts.sort().join(" ")}]`;
}

/** `namespace/name`; of cluster-wide policies the name, where Cilium shows nothing. */
function policyName(labels: RuleLabels): string {
  const find = (suffix: string): string => labels.find(({ key }) => key.endsWith(suffix))?.value ?? "";
  const [namespace, name] = [find("policy.namespace"), find("policy.name")];
  return namespace === "" ? name : `${namespace}/${name}`;
}
