// SPDX-License-Identifier: Apache-2.0
// The work of policy diff: two engines, and the flows that they treat differently.
import {
  diffPolicies,
  type FlowChange,
  type FlowOutcome,
  formatSpan,
  type ParsedPolicy,
  type PolicyIdentity,
  policyName,
  Scene,
} from "../../../../src/policy/index.ts";
import type { Context } from "../../context.ts";
import { type Call, flag, listOption } from "../../define.ts";
import { ExitError, UsageError } from "../../errors.ts";
import { alignTable, type Line } from "../../output/table.ts";
import { readPolicies } from "./read.ts";
import { loadScene } from "./scene.ts";

/** Compares the policies in force with what they would be then. */
export async function runDiff(context: Context, call: Call): Promise<void> {
  const [files, removed] = [listOption(call, "file"), listOption(call, "remove")];
  if (files.length + removed.length === 0)
    throw new UsageError("Cannot compare policies: give -f FILE or --remove POLICY");
  const source = await loadScene(context, call);
  const added: ParsedPolicy[] = [];
  for (const file of files) {
    added.push(...(await readPolicies(context, file, source.options)).map(({ policy }) => policy));
  }
  const after = applied(source.policies, added, removed);
  const scene = new Scene({ ...source, policies: [...source.policies, ...added] });
  const endpoints = flag(call, "all") ? everyPod(scene) : scene.endpoints;
  const changes = diffPolicies(scene.engineWith(source.policies), scene.engineWith(after), {
    endpoints,
    peers: withLabelsOf(scene, endpoints),
  });
  await context.result(
    changes.map((change) => structured(change, scene)),
    () => formatChanges(changes, scene),
  );
  if (flag(call, "check") && changes.length > 0) throw new ExitError(1);
}

/** The policies as they would be then. Throws UsageError for one to remove that is not there. */
function applied(
  now: readonly ParsedPolicy[],
  added: readonly ParsedPolicy[],
  removed: readonly string[],
): readonly ParsedPolicy[] {
  const byId = new Map(now.map((policy) => [policy.id, policy]));
  for (const name of removed) {
    const found = now.filter((policy) => policyName(policy) === name);
    if (found.length === 0) throw new UsageError(`Cannot remove policy "${name}": there is none of that name`);
    for (const { id } of found) byId.delete(id);
  }
  for (const policy of added) byId.set(policy.id, policy);
  return [...byId.values()];
}

function everyPod(scene: Scene): readonly PolicyIdentity[] {
  const known = new Map(scene.endpoints.map((endpoint) => [endpoint.id, endpoint]));
  for (const peer of scene.peers) {
    if (peer.labels.has("k8s", "io.kubernetes.pod.namespace") && !known.has(peer.id)) known.set(peer.id, peer);
  }
  return [...known.values()];
}

function withLabelsOf(scene: Scene, endpoints: readonly PolicyIdentity[]): readonly PolicyIdentity[] {
  const known = new Set(scene.peers.map(({ id }) => id));
  return [...scene.peers, ...endpoints.filter(({ id }) => !known.has(id))];
}

function structured({ from, to, protocols, allBut, first, last, before, after }: FlowChange, scene: Scene) {
  return {
    from: { identity: from, name: scene.nameOf(from) },
    to: { identity: to, name: scene.nameOf(to) },
    ports: formatSpan({ protocols, allBut, first, last }),
    ...{ protocols, allBut, first, last, before, after },
  };
}

/** The table: ports with the same change in one row, sources with the same changes of a destination too. */
function formatChanges(changes: readonly FlowChange[], scene: Pick<Scene, "nameOf">): string[] {
  if (changes.length === 0) return ["No flow would change"];
  const rows = new Map<string, { from: Set<string>; to: string; ports: Set<string>; before: string; after: string }>();
  for (const [key, row] of pairRows(changes, scene)) {
    const known = rows.get(key);
    if (known === undefined) rows.set(key, row);
    else for (const name of row.from) known.from.add(name);
  }
  const lines = [...rows.values()].flatMap(({ from, to, ports, before, after }): Line[] => {
    const [first = "", ...others] = from;
    return [[first, to, [...ports].join(" "), before, after], ...others.map((name): Line => [name])];
  });
  const count = (verdict: FlowOutcome["verdict"]) =>
    new Set(changes.filter(({ after }) => after.verdict === verdict).map(({ from, to }) => `${from}>${to}`)).size;
  const summary = `Pairs that would lose flows: ${count("deny")}, that would gain flows: ${count("allow") + count("redirect")}`;
  return [...alignTable([["FROM", "TO", "PORTS", "BEFORE", "AFTER"]], lines), "", summary];
}

function pairRows(changes: readonly FlowChange[], scene: Pick<Scene, "nameOf">) {
  const pairs = new Map<string, { from: Set<string>; to: string; ports: Set<string>; before: string; after: string }>();
  for (const change of changes) {
    const [before, after] = [formatOutcome(change.before), formatOutcome(change.after)];
    const key = `${change.from}>${change.to} ${before} ${after}`;
    const span = formatSpan(change);
    const row = pairs.get(key);
    if (row !== undefined) row.ports.add(span);
    else {
      const names = { from: new Set([scene.nameOf(change.from)]), to: scene.nameOf(change.to) };
      pairs.set(key, { ...names, ports: new Set([span]), before, after });
    }
  }
  return [...pairs.values()].map(
    (row) => [`${row.to} ${[...row.ports].join()} ${row.before} ${row.after}`, row] as const,
  );
}

function formatOutcome({ verdict, direction, rule, by }: FlowOutcome): string {
  if (rule !== undefined) return `${verdict} (${rule.policy} ${rule.section})`;
  if (by !== undefined) return `${verdict} (${direction} default deny${by.length === 0 ? "" : ` by ${by.join(", ")}`})`;
  return verdict;
}
