// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointConfigurationSpec } from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { startCli } from "./harness.ts";

test("endpoint config shows and changes an endpoint's options", async (t) => {
  const options: Record<string, string> = { PolicyAuditMode: "Disabled" };
  const override = {
    endpointConfig: () => ({ realized: { options } }),
    patchEndpointConfig: (_: unknown, spec: EndpointConfigurationSpec) => {
      Object.assign(options, spec.options);
      return { realized: { options } };
    },
  };
  const { run } = await startCli(t, createMemoryAgent({ override }).api);
  const prints = async (args: string[], stdout: string) =>
    assert.deepEqual(await run(["endpoint", "config", ...args]), { code: 0, stdout, stderr: "" });
  await prints(["5"], "PolicyAuditMode                   : Disabled\n");
  await prints(["5", "PolicyAuditMode=enable"], "Endpoint 5 configuration updated successfully\n");
  assert.equal(options["PolicyAuditMode"], "enable");
  const list = await run(["endpoint", "config", "--list-options"]);
  assert.match(list.stdout, /^PolicyAuditMode {10}Let denied packets pass, and report them as audited$/m);
  assert.match((await run(["endpoint", "config", "5", "PolicyAuditMode"])).stderr, /not OPTION=VALUE/);
  assert.match((await run(["endpoint", "config"])).stderr, /give its id/);
});
