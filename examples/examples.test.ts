// SPDX-License-Identifier: Apache-2.0
// Every example does what its text says, and stops doing it when it is broken as its text tells to.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifests } from "../src/kubernetes/index.ts";
import { findEnd, protocolNumbers, Scene, sceneOfManifests } from "../src/policy/index.ts";

type Verdict = "allowed" | "denied";

const flowPattern = /^(allowed|denied): (\S+) -> (\S+) (\d+)\/(\w+)$/;
const breakPattern = /^broken by "(.+)" -> "(.+)": (.+)$/;

const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "01-star-wars")
  .map(({ name }) => name);

for (const folder of folders) {
  test(`examples/${folder}`, () => {
    const read = (name: string) => readFileSync(join(import.meta.dirname, folder, name), "utf8");
    const [app, policy] = [read("app.yaml"), read("policy.yaml")];
    const said = policy.split("\n").flatMap((line) => (line.startsWith("# ") ? [line.slice(2)] : []));
    const flows = said.filter((line) => flowPattern.test(line));
    assert.ok(flows.length >= 2, "says which flows are allowed and denied");
    for (const flow of flows) check(app, policy, flow);
    const [, before = "", after = "", flow = ""] =
      said.map((line) => breakPattern.exec(line)).find((match) => match) ?? [];
    assert.ok(before !== "" && flow !== "", "says how to break it");
    const manifests = policy.replaceAll(/^# .*\n/gm, "");
    assert.ok(manifests.includes(before), `${before} is in the policy`);
    check(app, manifests.replaceAll(before, after), flow);
  });
}

/** Asserts a line such as `allowed: client -> web 80/TCP`. */
function check(app: string, policy: string, line: string): void {
  const [, expected, from = "", to = "", port = "", protocol = ""] = flowPattern.exec(line) ?? [];
  assert.equal(verdictOf(`${app}---\n${policy}`, { from, to, port: Number(port), protocol }), expected, line);
}

function verdictOf(text: string, flow: { from: string; to: string; port: number; protocol: string }): Verdict {
  const source = sceneOfManifests(parseManifests(text, "example"));
  const scene = new Scene(source);
  const engine = scene.engineWith(source.policies);
  const [from, to] = [findEnd(scene, flow.from), findEnd(scene, flow.to)];
  const [protocol = 0] = protocolNumbers(flow.protocol);
  const sides = [
    { direction: "egress", local: from, remote: to },
    { direction: "ingress", local: to, remote: from },
  ] as const;
  const denied = sides.some(({ direction, local, remote }) => {
    if (local.subject === undefined) return false;
    const question = { direction, localIdentity: local.identity, remoteIdentity: remote.identity };
    return engine.traceFlow(local.subject, { ...question, protocol, port: flow.port }).verdict === "deny";
  });
  return denied ? "denied" : "allowed";
}

test("examples are numbered without a gap, and each is short", () => {
  const numbers = readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => Number(name.slice(0, 2)));
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  );
  for (const folder of folders) {
    const file = join(import.meta.dirname, folder, "policy.yaml");
    assert.ok(existsSync(file) && readFileSync(file, "utf8").split("\n").length <= 61, file);
  }
});
