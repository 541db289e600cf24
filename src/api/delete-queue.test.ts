// SPDX-License-Identifier: Apache-2.0
// The queue of deletions for an agent that was down.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { enqueueDelete, replayDeleteQueue } from "./delete-queue.ts";
import type { EndpointRef } from "./types.ts";

test("a deletion waits once, is replayed once, and stays while it fails", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "queue-"));
  t.after(() => rmSync(root, { recursive: true }));
  const directory = join(root, "deleteQueue");
  assert.deepEqual(await replayDeleteQueue(directory, () => assert.fail("nothing waits")), { done: 0, errors: [] });

  assert.equal(enqueueDelete(directory, { "container-id": "a" }), enqueueDelete(directory, { "container-id": "a" }));
  enqueueDelete(directory, { "container-id": "b", "container-interface-name": "net1" });
  writeFileSync(join(directory, "broken.delete"), "{");
  const seen: EndpointRef[] = [];
  const first = await replayDeleteQueue(directory, async (ref) => {
    seen.push(ref);
    if (ref.kind === "cni-attachment-id") throw new Error("busy");
  });
  assert.deepEqual(
    seen.sort((one, other) => one.kind.localeCompare(other.kind)),
    [
      { kind: "cni-attachment-id", containerId: "b", interfaceName: "net1" },
      { kind: "container-id", value: "a" },
    ],
  );
  assert.equal(first.done, 1);
  assert.equal(first.errors.length, 2);
  assert.equal(readdirSync(directory).length, 1);
  assert.deepEqual(await replayDeleteQueue(directory, async () => undefined), { done: 1, errors: [] });
  assert.equal(readdirSync(directory).length, 0);
});

test("enqueueDelete() refuses the 257th container", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "queue-"));
  t.after(() => rmSync(directory, { recursive: true }));
  for (let i = 0; i < 256; i++) enqueueDelete(directory, { "container-id": `c${i}` });
  assert.throws(() => enqueueDelete(directory, { "container-id": "c256" }), /256 are waiting \(start the agent\)/);
  enqueueDelete(directory, { "container-id": "c5" });
});
