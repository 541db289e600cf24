// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ApiError, type Endpoint, type EndpointChangeRequest } from "../../src/api/index.ts";
import { configureLogging } from "../../src/core/index.ts";
import { putEndpoint } from "./join.ts";
import { Store } from "./store.ts";
import { Turns } from "./turns.ts";

configureLogging({ level: "silent" });
const addresses = { ipv4: "10.77.0.10", ipv6: "fd00:77::10" };
const lent = { "ipv4-expiration-uuid": "u4", "ipv6-expiration-uuid": "u6" };
const endpoint = { networkId: "n", mac: "02:00:00:00:00:01", ...addresses };

/** An agent that answers each PUT by `answer`, and a store that holds both loans. */
function setUp(t: TestContext, answer: (request: EndpointChangeRequest) => void) {
  const folder = mkdtempSync(join(tmpdir(), "docker-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = new Store(folder);
  store.saveLease(addresses.ipv4, "u4");
  store.saveLease(addresses.ipv6, "u6");
  const asked: unknown[] = [];
  const agent = {
    putEndpoint: async (_id: number, request: EndpointChangeRequest) => {
      asked.push(request.addressing);
      answer(request);
      return {} as Endpoint;
    },
  };
  return {
    folder,
    asked,
    put: () => putEndpoint({ agent, store, turns: new Turns() }, endpoint, { "container-id": "c" }),
  };
}

test("putEndpoint() claims the addresses that the agent has lent, once", async (t) => {
  const { asked, put, folder } = setUp(t, () => {});
  await put();
  assert.deepEqual(asked, [{ ...addresses, ...lent }]);
  assert.deepEqual(readdirSync(folder), []);
});

for (const known of [[], ["ipv4"], ["ipv6"]] as const) {
  test(`putEndpoint() finds that an agent knows ${known[0] ?? "neither"} of two loans`, async (t) => {
    const { asked, put, folder } = setUp(t, ({ addressing }) => {
      const claimed = (["ipv4", "ipv6"] as const).filter((family) => addressing?.[`${family}-expiration-uuid`]);
      if (!isDeepStrictEqual(claimed, known)) throw new ApiError(400, "its allocation may have expired");
    });
    await put();
    assert.deepEqual(asked[0], { ...addresses, ...lent });
    const last = asked.at(-1) as object;
    assert.deepEqual(Object.keys(last), ["ipv4", "ipv6", ...known.map((family) => `${family}-expiration-uuid`)]);
    assert.deepEqual(readdirSync(folder), []);
  });
}

test("putEndpoint() leaves the loans to be given back when the agent refuses", async (t) => {
  const { asked, put, folder } = setUp(t, () => {
    throw new ApiError(409, "10.77.0.10 belongs to endpoint 7");
  });
  await assert.rejects(put, /belongs to endpoint 7/);
  assert.equal(asked.length, 1);
  assert.equal(readdirSync(folder).length, 2);
});
