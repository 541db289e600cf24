// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, loadConfig } from "../../src/core/index.ts";
import { requireFitForSlaves } from "./ipvlan.ts";
import { checks, options } from "./options.ts";

const load = (...argv: readonly string[]) =>
  loadConfig({
    options: Object.values(options),
    checks,
    env: {},
    argv: ["--ipv4-range=10.1.0.0/24", "--ipv6-range=fd00:1::/112", ...argv],
  });

test("a node that makes pairs again bears its ipvlan pods with native routing", () => {
  assert.doesNotThrow(() => requireFitForSlaves(load("--routing-mode=native")));
});

for (const [argv, key, found, allowed] of [
  ["--routing-mode=tunnel", "routing-mode", "tunnel", "native"],
  ["--enable-endpoint-routes", "enable-endpoint-routes", "true", "false"],
  ["--enable-host-firewall", "enable-host-firewall", "true", "false"],
] as const) {
  test(`a node that makes pairs again does not bear its ipvlan pods with ${argv}`, () => {
    const config = load("--routing-mode=native", argv);
    const why = `(allowed: ${allowed} until this node's ipvlan pods of an earlier datapath-mode are deleted)`;
    const message = `Cannot use configuration: key "${key}" has ${found} ${why}`;
    assert.throws(
      () => requireFitForSlaves(config),
      (error) => error instanceof ConfigError && error.key === key && error.message === message,
    );
  });
}
