// SPDX-License-Identifier: Apache-2.0
// `npm run demo` does what it says, and examples/01-star-wars fails when it is broken as its text tells to.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import {
  applyObjects,
  checkManifests,
  deleteSandbox,
  findPod,
  findRemains,
  loadPods,
  openSandbox,
  podCommand,
} from "../../apps/sandbox/index.ts";
import { collect, scenarioName } from "./harness.ts";

const root = join(import.meta.dirname, "../..");
const name = scenarioName("demo");

after(async () => await deleteSandbox(name));

async function demo(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(root, "apps/sandbox/demo.ts"), "--name", name, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const output = await text(child.stdout);
  return { code: await exit, output };
}

test("the demo ends well and shows both matrices and every drop", async () => {
  const { code, output } = await demo();
  assert.equal(code, 0, output);
  assert.equal(output.match(/ ok$/gm)?.length, 16);
  assert.equal(output.match(/xx drop \(Policy denied\)/g)?.length, 4);
  assert.equal(output.match(/ingress default deny by policy default\/rule1/g)?.length, 4);
  assert.match(output, /from identity \d+ \[.*k8s:org=alliance.*\]\n.*to +identity \d+ \[.*k8s:class=deathstar.*\]/);
});

test("the example broken on purpose: with org alliance in its policy, the other ship lands", async () => {
  const policy = readFileSync(join(root, "examples/01-star-wars/policy.yaml"), "utf8");
  const broken = policy.replace("- matchLabels: {org: empire}", "- matchLabels: {org: alliance}");
  assert.notEqual(broken, policy);
  await applyObjects(name, checkManifests(broken, "policy.yaml"));
  const sandbox = openSandbox(name);
  const target = loadPods(sandbox).find(
    (pod) => pod.owner === "deathstar" && pod.node !== findPod(sandbox, "default", "xwing").node,
  );
  const url = `http://${target?.ips.find((ip) => !ip.includes(":"))}/v1/request-landing`;
  const ask = (ship: string) =>
    collect(podCommand(sandbox, "default", ship, ["curl", "-s", "-m", "1", "-X", "POST", url]));
  const [xwing, tiefighter] = await Promise.all([ask("xwing"), ask("tiefighter")]);
  assert.equal(xwing.stdout, "Ship landed\n");
  assert.equal(tiefighter.code, 28);
});

test("a second run uses what is there, and --down removes it", async () => {
  const { code, output } = await demo();
  assert.equal(code, 0, output);
  assert.match(output, /is there already/);
  assert.equal((await demo("--down")).code, 0);
  assert.equal(findRemains(name).found, false);
});
