// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/core/index.ts";
import { createAgentModules } from "./modules.ts";
import { checks, options } from "./options.ts";

test("modules have names of their own, and start in the order that their promises need", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "agent-modules-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const argv = [
    ...[
      `--state-dir=${join(directory, "state")}`,
      `--static-resources=${directory}`,
      "--ipv4-node=192.0.2.1",
      "--ipv6-node=",
    ],
    ...["--ipv4-range=10.1.0.0/24", "--ipv6-range=fd00:1::/112"],
  ];
  const { modules } = createAgentModules(loadConfig({ options: Object.values(options), checks, env: {}, argv }));
  const names = modules.map(({ name }) => name);
  // Status and health know modules by name.
  assert.equal(new Set(names).size, names.length, names.join(" "));
  const before = (first: string, then: string) => {
    assert.ok(names.indexOf(first) >= 0 && names.indexOf(first) < names.indexOf(then), `${first} before ${then}`);
  };
  assert.ok(!existsSync(join(directory, "state")), "what is made touches nothing before it starts");
  // Nobody touches state or kernel before the lock; pods' labels are there before anybody asks for endpoints.
  assert.equal(names[0], "lock");
  before("static-resources", "policy");
  before("datapath", "endpoints");
  // Identities have their old numbers before endpoints ask for them.
  before("identities", "endpoints");
  // Policies are in force, and changes of them heard, before the gate can open.
  for (const name of ["policy", "endpoints", "policy-link"]) before(name, "gate");
  before("endpoints", "ipcache-endpoints");
  // Prefixes have their old numbers before the ipcache is reconciled; groups are known when policies name them.
  before("policy-prefixes", "ipcache-map");
  before("policy-references", "policy");
  before("api", "delete-queue");
});
