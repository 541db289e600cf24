// SPDX-License-Identifier: Apache-2.0
// An upgrade from a build with other policy maps: what its sets say is in force when the new programs are.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import "../kernel/testing.ts";
import { BpfMap } from "../kernel/index.ts";
import { inPrivateNamespaces } from "./testing.ts";
import { DatapathNode } from "./testing-node.ts";

const [INGRESS, EGRESS] = [1, 2];
const [TCP, UDP] = [6, 17];

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const node = new DatapathNode();
  const { globals } = node;

  /** set, identity, direction, protocol, port as such a build has them; a trie's key has its length in front. */
  const keyOf = (set: number, identity: number, direction: number, protocol: number, port: number, bits?: number) => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt32LE(set, 0);
    bytes.writeUInt32LE(identity, 4);
    bytes.set([direction, protocol], 8);
    bytes.writeUInt16BE(port, 10);
    if (bits === undefined) return bytes;
    const length = Buffer.alloc(4);
    length.writeUInt32LE(72 + bits);
    return Buffer.concat([length, bytes]);
  };
  /** cookie and verdict; the first such builds had no more than these 8 bytes. */
  const entryOf = (cookie: number, verdict: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(cookie, 0);
    bytes[6] = verdict;
    return bytes;
  };

  test("threats: policy entries of a build with other maps are in force from the new programs' first packet on", async () => {
    await node.datapath.stop();
    {
      const flags = { valueSize: 8, maxEntries: 64 } as const;
      using exact = BpfMap.create({ type: "hash", name: "exact", keySize: 12, ...flags });
      using prefix = BpfMap.create({ type: "lpm_trie", name: "prefix", keySize: 16, ...flags });
      exact.update(keyOf(5, 1001, INGRESS, TCP, 80), entryOf(7, 0));
      exact.update(keyOf(5, 0, INGRESS, UDP, 53), entryOf(8, 1));
      prefix.update(keyOf(5, 1002, INGRESS, 0, 0, 0), entryOf(9, 0));
      prefix.update(keyOf(6, 1003, EGRESS, TCP, 8000, 8 + 13), entryOf(10, 2));
      exact.pin(join(globals, "cilium_policy_v2_exact"));
      prefix.pin(join(globals, "cilium_policy_v2_prefix"));
    }
    // Another digest, as another build has.
    await node.start({ ctTimeouts: { tcpSyn: 9 } });
    const said = node.datapath.maps.policy.list().map((row) => {
      const { set, direction, identity, protocol, port, portPrefix, verdict, cookie } = row;
      return [set, direction, identity, protocol, `${port}/${portPrefix}`, verdict, cookie].join(" ");
    });
    assert.deepEqual(said.sort(), [
      "5 ingress 0 17 53/16 deny 8",
      "5 ingress 1001 6 80/16 allow 7",
      "5 ingress 1002 0 0/0 allow 9",
      "6 egress 1003 6 8000/13 audit 10",
    ]);
    assert.deepEqual(node.datapath.maps.policy.sets(), [5, 6]);
    assert.equal(existsSync(join(globals, "cilium_policy_v2_exact")), false);
    assert.equal(existsSync(join(globals, "cilium_policy_v2_prefix")), false);
  });
}
