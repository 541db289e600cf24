// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "./options.ts";

test("parseOptions() takes what is given, else what engine and agent have by default", () => {
  assert.deepEqual(parseOptions([], {}), {
    name: "cilium",
    agentSocket: "/var/run/cilium/cilium.sock",
    dockerSocket: "/var/run/docker.sock",
    pluginDir: "/run/docker/plugins",
    stateDir: "/var/run/cilium/docker",
    debug: false,
  });
  const args = ["--agent-socket", "/a/c.sock", "--docker-socket=unix:///d.sock", "--plugin-dir", "/p", "--name", "x1"];
  assert.deepEqual(parseOptions([...args, "--debug"], { CILIUM_SOCK: "/other.sock" }), {
    name: "x1",
    agentSocket: "/a/c.sock",
    dockerSocket: "/d.sock",
    pluginDir: "/p",
    stateDir: "/a/docker",
    debug: true,
  });
  assert.equal(parseOptions(["--name", "a/b", "-h"], {}), undefined);
});

for (const [args, reason] of [
  [["--nmae", "x"], /Cannot read options: Unknown option '--nmae'.*\(see --help\)/],
  [["--name", "../x"], /Cannot use name "\.\.\/x"/],
  [["--docker-socket", "tcp://1.2.3.4:2375"], /Cannot use --docker-socket "tcp:.*": not an absolute path/],
  [["--agent-socket", "cilium.sock"], /Cannot use agent address "cilium.sock"/],
  [["extra"], /Cannot read options: Unexpected argument 'extra'/],
] as const) {
  test(`parseOptions() refuses ${args.join(" ")}`, () => {
    assert.throws(() => parseOptions(args, {}), reason);
  });
}
