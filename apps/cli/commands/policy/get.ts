// SPDX-License-Identifier: Apache-2.0
// policy get: the policies in force, as they were given.
import { CiliumError } from "../../../../src/core/index.ts";
import type { CommandSpec } from "../../define.ts";
import { namesLabel } from "../../labels.ts";

export const get: CommandSpec = {
  usage: "get [labels...]",
  summary: "Show the policies in force, or those whose rules have all of the labels",
  run: async (context, { args }) => {
    const answer = await context.client().getPolicy();
    const found = args.length === 0 ? answer : { ...answer, policy: withLabels(answer.policy, args) };
    await context.result(found, () => [
      // JSON of the agent's: texts in it hold no newline.
      ...found.policy.trimEnd().split("\n"),
      `Revision: ${found.revision}`,
    ]);
  },
};

/** The parts of a policy from which its rules have their labels. */
interface Resource {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly uid?: string };
  readonly spec?: Labelled;
  readonly specs?: readonly Labelled[];
}

interface Labelled {
  readonly labels?: readonly { readonly source?: string; readonly key: string; readonly value?: string }[];
}

/** Of a JSON array of policies those that have all labels, as such. */
function withLabels(policies: string, texts: readonly string[]): string {
  const found = (JSON.parse(policies) as readonly Resource[]).filter((resource) => {
    const labels = labelsOf(resource);
    return texts.every((text) => labels.some((label) => namesLabel(text, label)));
  });
  if (found.length > 0) return JSON.stringify(found, null, 2);
  throw new CiliumError(`Cannot find policies: none has ${texts.map((text) => `"${text}"`).join(" and ")}`);
}

/** As Cilium labels rules; without a namespace given, a namespaced policy is in "default". */
function labelsOf({ kind = "", metadata = {}, spec, specs = [] }: Resource): string[] {
  const { name = "", uid = "" } = metadata;
  const namespace = metadata.namespace ?? (/Clusterwide|^ClusterNetworkPolicy$/.test(kind) ? "" : "default");
  const derived = Object.entries({ "derived-from": kind, name, namespace, uid }).flatMap(([key, value]) =>
    value === "" ? [] : [`k8s:io.cilium.k8s.policy.${key}=${value}`],
  );
  const own = [spec, ...specs].flatMap((rule) => rule?.labels ?? []);
  return [...derived, ...own.map(({ source = "unspec", key, value = "" }) => `${source}:${key}=${value}`)];
}
