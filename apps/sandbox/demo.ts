// SPDX-License-Identifier: Apache-2.0
// `npm run demo`: two nodes, the Star Wars demo, an identity policy; which calls pass, which are dropped, and why.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { errorChain } from "../../src/core/index.ts";
import { applyObjects, removeObjects } from "./apply.ts";
import { createSandbox } from "./create.ts";
import { deleteSandbox } from "./delete.ts";
import { type Call, type Cell, makeCalls, type Outcome, planCalls } from "./demo/calls.ts";
import { DropWatch } from "./demo/drops.ts";
import { alignColumns } from "./get/table.ts";
import { readInputs } from "./manifests/input.ts";
import { projectRoot } from "./paths.ts";
import { findRemains } from "./remains.ts";
import { sandboxStatus } from "./status.ts";
import { findSandbox, openSandbox } from "./store.ts";
import type { Sandbox } from "./types.ts";
import { waitFor } from "./wait.ts";

const flags = readFlags();
const { name } = flags;
const app = join(projectRoot, "examples/01-star-wars/app.yaml");
const policy = join(projectRoot, "examples/01-star-wars/policy.yaml");
const since = performance.now();

function readFlags(): { down: boolean; name: string } {
  try {
    const options = { down: { type: "boolean", default: false }, name: { type: "string", default: "demo" } } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(`Error: ${errorChain(error)} (npm run demo -- [--down] [--name NAME])\n`);
    process.exit(2);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function step(text: string): void {
  say(`[${((performance.now() - since) / 1000).toFixed(1).padStart(4)} s] ${text}`);
}

/** True when all is as expected. */
async function demo(): Promise<boolean> {
  const sandbox = await prepareSandbox();
  await applyObjects(name, readInputs([app]));
  const calls = planCalls(sandbox);
  for (const pod of new Set(calls.flatMap(({ caller, target }) => [caller, target]))) {
    step(`${pod.name} on ${pod.node}: ${pod.ips.join(", ")}`);
  }
  say("\nBefore the policy, every ship may land:\n");
  const before = await makeCalls(sandbox, calls, () => "lands");
  printMatrix(before);

  step("Policy rule1: only ships of the empire, only port 80/TCP");
  using drops = await DropWatch.start(sandbox);
  await applyObjects(name, readInputs([policy]));
  say("\nWith the policy:\n");
  const after = await makeCalls(sandbox, calls, expectedWithPolicy);
  printMatrix(after);

  const explained = await explainDrops(after, drops);
  const cells = [...before, ...after];
  const right = cells.filter((cell) => cell.actual === cell.expected).length;
  step(
    `${right} of ${cells.length} calls as expected; ${explained.told} of ${explained.denied} denied calls reported as drops`,
  );
  return right === cells.length && explained.told === explained.denied;
}

function expectedWithPolicy({ caller }: Call): Outcome {
  return caller.name === "tiefighter" ? "lands" : "no answer";
}

/** A sandbox that is there and well is used again; its policy goes first. */
async function prepareSandbox(): Promise<Sandbox> {
  const found = findSandbox(name);
  if (found !== undefined && (await sandboxStatus(found)).healthy) {
    step(`Sandbox "${name}" is there already`);
    await removeObjects(name, readInputs([policy]));
    return openSandbox(name);
  }
  if (findRemains(name).found) await deleteSandbox(name);
  step(`Sandbox "${name}": two nodes, an agent on each`);
  return await createSandbox({ name, onStep: (what) => step(`  ${what}`) });
}

function printMatrix(cells: readonly Cell[]): void {
  const rows = cells.map(({ caller, target, family, expected, actual }) => [
    caller.name,
    `deathstar on ${target.node} (${target.node === caller.node ? "same node" : "other node"})`,
    family,
    expected,
    actual,
    expected === actual ? "ok" : "WRONG",
  ]);
  for (const line of alignColumns([["CALLER", "TARGET", "FAMILY", "EXPECTED", "ACTUAL", ""], ...rows]))
    say(`  ${line}`);
  say("");
}

/** Prints a drop for each denied call, as the agent of the target's node told it. */
async function explainDrops(cells: readonly Cell[], drops: DropWatch): Promise<{ denied: number; told: number }> {
  const denied = cells.filter((cell) => cell.expected === "no answer");
  const find = (cell: Cell) => drops.find(cell, "default/rule1");
  await waitFor(() => denied.every((cell) => find(cell) !== undefined), 2000);
  say("What the agents tell about the denied calls (cilium-dbg monitor --type drop):\n");
  for (const cell of denied) {
    const drop = find(cell);
    say(`  ${cell.caller.name} -> deathstar on ${cell.target.node}, ${cell.family}:`);
    if (drop === undefined) say("    NO DROP REPORTED");
    else
      for (const line of [`${drop.node}: ${drop.line}`, ...drop.details.map((detail) => `  ${detail}`)])
        say(`    ${line}`);
    say("");
  }
  return { denied: denied.length, told: denied.filter((cell) => find(cell) !== undefined).length };
}

function printNext(): void {
  say(`The sandbox "${name}" stays up. Try next:

  bin/cilium sandbox get pods -A --name ${name}
  bin/cilium sandbox exec --name ${name} xwing -- curl -s -m 2 -X POST http://POD_IP/v1/request-landing
  bin/cilium sandbox node --name ${name} node1 -- cilium-dbg monitor --type drop
  bin/cilium sandbox node --name ${name} node1 -- cilium-dbg endpoint list
  bin/cilium sandbox agent --name ${name} kill node1     (traffic goes on)
  npm run demo -- --down${name === "demo" ? "" : ` --name ${name}`}    (removes it)`);
}

async function main(): Promise<number> {
  if (flags.down) {
    say((await deleteSandbox(name)) ? `Sandbox "${name}" is gone` : `There is no sandbox "${name}"`);
    return 0;
  }
  const well = await demo();
  printNext();
  return well ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`Error: ${errorChain(error)}\n`);
  return 1;
});
