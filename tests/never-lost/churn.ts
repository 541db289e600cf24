// SPDX-License-Identifier: Apache-2.0
// Pods and policies come and go by a seed, once in peace and once with agents killed at any moment; both must end equal.
import { setTimeout as sleep } from "node:timers/promises";
import { agentProcess, killAgent, nodeOf, type Sandbox, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { randomNumbers } from "../../src/core/testing.ts";
import { clientPod, type Scenario } from "../scenarios/harness.ts";
import { type Dump, difference, dumpNode } from "./dump.ts";

/** What there is beside the bystanders. */
interface Wanted {
  readonly pods: ReadonlySet<number>;
  readonly policies: ReadonlySet<number>;
}

export interface ChurnResult {
  readonly kills: number;
  /** Milliseconds from the last agent's being well to equal dumps, one a step. */
  readonly converged: readonly number[];
}

const tcp = (port: string) => ({ ports: [{ port, protocol: "TCP" }] });
const podPool = 4;
const convergeLimit = 120_000;
const settleMs = 150;
/** When a kill comes: from the first write of a change to behind the last, and within an agent's start. */
const killWithin = 900;

const policies = [
  { ingress: [{ fromEndpoints: [{ matchLabels: { team: "a" } }] }] },
  { egress: [{ toEndpoints: [{ matchLabels: { team: "b" } }], toPorts: [tcp("80")] }] },
  { ingress: [{ fromEndpoints: [{ matchLabels: { team: "b" } }], toPorts: [tcp("443")] }] },
  { ingress: [{ fromEndpoints: [{}] }], egress: [{ toEndpoints: [{}] }] },
];

/** Runs the same steps twice. Throws with the difference when a step does not converge. */
export async function churn(
  scenario: Scenario,
  options: { readonly seed: number; readonly steps: number; readonly progress?: (line: string) => void },
): Promise<ChurnResult> {
  const random = randomNumbers(options.seed);
  const steps = plan(options.steps, random);
  const { sandbox } = scenario;
  const progress = options.progress ?? (() => {});
  await bring(scenario, nothing, nothing);
  const expected: Dump[][] = [];
  let before: Wanted = nothing;
  for (const step of steps) {
    await bring(scenario, before, step);
    expected.push(await settled(sandbox));
    before = step;
  }
  progress(`${steps.length} steps in peace`);
  await bring(scenario, before, nothing);
  before = nothing;
  const converged: number[] = [];
  let kills = 0;
  for (const [index, step] of steps.entries()) {
    const [ended, killed] = await Promise.all([patiently(scenario, before, step), killSometime(sandbox, random)]);
    if (ended !== undefined) throw ended;
    kills += killed;
    converged.push(await converge(sandbox, expected[index] ?? [], `step ${index + 1} of seed ${options.seed}`));
    progress(`step ${index + 1}: equal after ${killed} kill(s), ${Math.round(converged.at(-1) ?? 0)} ms`);
    before = step;
  }
  await bring(scenario, before, nothing);
  return { kills, converged };
}

const nothing: Wanted = { pods: new Set(), policies: new Set() };

/** Each step toggles one or two pods and one policy. */
function plan(count: number, random: () => number): Wanted[] {
  const steps: Wanted[] = [];
  let last = nothing;
  for (let i = 0; i < count; i++) {
    const pods = new Set(last.pods).symmetricDifference(new Set([pick(podPool, random), pick(podPool, random)]));
    const policySet = new Set(last.policies).symmetricDifference(new Set([pick(policies.length, random)]));
    last = { pods, policies: policySet };
    steps.push(last);
  }
  return steps;
}

const pick = (count: number, random: () => number) => Math.floor(random() * count);

const podOf = (index: number) =>
  clientPod(`churn${index}`, `node${1 + (index % 2)}`, { app: "churn", team: index % 3 === 0 ? "a" : "b" });

const policyOf = (index: number) =>
  `---\n${JSON.stringify({
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name: `churn${index}` },
    spec: { endpointSelector: { matchLabels: { app: "churn" } }, ...policies[index] },
  })}\n`;

async function bring(scenario: Scenario, from: Wanted, to: Wanted): Promise<void> {
  const manifests = (pods: ReadonlySet<number>, policySet: ReadonlySet<number>) =>
    [...[...policySet].map(policyOf), ...[...pods].map(podOf)].join("");
  const gone = manifests(from.pods.difference(to.pods), from.policies.difference(to.policies));
  const wanted = manifests(to.pods, to.policies);
  if (gone !== "") await scenario.remove(gone);
  if (wanted !== "") await scenario.apply(wanted);
}

/** As a kubelet does: what failed for want of an agent is tried again. Returns what is left to throw. */
async function patiently(scenario: Scenario, from: Wanted, to: Wanted): Promise<Error | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      await bring(scenario, from, to);
      return undefined;
    } catch (error) {
      if (attempt === 100) return error as Error;
      await sleep(300);
    }
  }
}

/** Kill -9 of one agent at some moment; every second time it is killed once more while it starts. */
async function killSometime(sandbox: Sandbox, random: () => number): Promise<number> {
  const node = nodeOf(sandbox, `node${1 + pick(2, random)}`);
  const [first, again, second] = [random() * killWithin, random() < 0.5, random() * killWithin];
  await sleep(first);
  let kills = Number(await killAgent(sandbox, node));
  startAgent(sandbox, node);
  if (again) {
    await sleep(second);
    kills += Number(await killAgent(sandbox, node));
    if (agentProcess(sandbox, node) === undefined) startAgent(sandbox, node);
  }
  await waitForAgent(sandbox, node);
  return kills;
}

async function dumps(sandbox: Sandbox): Promise<Dump[]> {
  return await Promise.all(sandbox.nodes.map(({ name }) => dumpNode(sandbox, name)));
}

/** Also what still speaks of pods that are gone, and sets that go when no program can be reading them any more. */
const unsettled = / (old|off|endpoint \d+)\b| not-ready |-previous-|"ipcache [0-9a-f.:]+\/\d+ k8s:|nobody uses/;

/** Dumps that do not change any more. */
async function settled(sandbox: Sandbox): Promise<Dump[]> {
  const end = performance.now() + convergeLimit;
  let last = "";
  while (performance.now() < end) {
    const found = await tryDumps(sandbox);
    const text = JSON.stringify(found);
    if (Array.isArray(found) && text === last && !unsettled.test(text)) return found;
    last = text;
    await sleep(settleMs);
  }
  throw new Error(`Cannot compare: the tables do not settle in peace: ${last}`);
}

async function converge(sandbox: Sandbox, expected: readonly Dump[], what: string): Promise<number> {
  const start = performance.now();
  for (;;) {
    const found = await tryDumps(sandbox);
    const left =
      found instanceof Error
        ? [found.message]
        : found.flatMap((dump, index) =>
            difference(dump, expected[index] ?? []).map((line) => `${sandbox.nodes[index]?.name}: ${line}`),
          );
    if (left.length === 0) return performance.now() - start;
    if (performance.now() - start > convergeLimit) throw new Error(`${what} does not converge:\n${left.join("\n")}`);
    await sleep(50);
  }
}

/** Things go while they are listed. */
async function tryDumps(sandbox: Sandbox): Promise<Dump[] | Error> {
  try {
    return await dumps(sandbox);
  } catch (error) {
    return error as Error;
  }
}
