// SPDX-License-Identifier: Apache-2.0
// Policy sets of builds that kept one entry a peer and port: taken over under their numbers, so that the slots of
// endpoints stay right and nothing new is denied before the agent has resolved its policies.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { encodePolicyPortKey, POLICY_ENTRY_SIZE, PolicyDirection } from "../../abi/index.ts";
import { BpfMap } from "../../kernel/index.ts";
import { mapNames } from "./names.ts";
import { createPolicyMap } from "./policy.ts";
import { decodePort } from "./policy-codec.ts";
import type { PolicyMapRow } from "./types.ts";

/** One port each, by set, identity, direction, protocol and port. */
const exactName = "cilium_policy_v2_exact";
/** Ranges and more, in a trie: the same key behind the length of the prefix. */
const prefixName = "cilium_policy_v2_prefix";
const LENGTH_SIZE = 4;
/** Bits of a prefix before the protocol, and those with a whole port. */
const BASE_BITS = 72;
const ONE_PORT = 24;

/**
 * Fills the pinned maps below `root` from those of such a build, which then lose their pins; programs that still use
 * them go on. Returns how many sets there were. Throws SyscallError when the maps are too small; then all is as before.
 */
export function takeEarlierPolicy(root: string): number {
  const paths = [exactName, prefixName].map((name) => join(root, name)).filter((path) => existsSync(path));
  if (paths.length === 0) return 0;
  const sets = Map.groupBy(paths.flatMap(rowsOf), ({ set }) => set);
  using peers = BpfMap.openPinned(join(root, mapNames.policyPeers));
  using ports = BpfMap.openPinned(join(root, mapNames.policyPorts));
  const policy = createPolicyMap(peers, ports);
  const known = new Set(policy.sets());
  for (const [set, rows] of sets) if (!known.has(set)) policy.writeSet(set, rows);
  for (const path of paths) rmSync(path);
  return sets.size;
}

function rowsOf(path: string): PolicyMapRow[] {
  using map = BpfMap.openPinned(path);
  const isTrie = path.endsWith(prefixName);
  return [...map.entries()].map(([key, value]) => (isTrie ? trieRow(key, value) : row(key, ONE_PORT, value)));
}

function trieRow(key: Uint8Array, value: Uint8Array): PolicyMapRow {
  const bits = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  return row(key.subarray(LENGTH_SIZE), bits - BASE_BITS, value);
}

/** Values have had fields added behind, which were zero before. */
function row(key: Uint8Array, prefixBits: number, value: Uint8Array): PolicyMapRow {
  const fields = new DataView(key.buffer, key.byteOffset);
  const [protocol, dport] = [fields.getUint8(9), fields.getUint16(10)];
  const whole = new Uint8Array(POLICY_ENTRY_SIZE);
  whole.set(value.subarray(0, POLICY_ENTRY_SIZE));
  const { entry } = decodePort(encodePolicyPortKey({ ports: 0, protocol, prefixBits, dport }), whole);
  const direction = fields.getUint8(8) === PolicyDirection.DIRECTION_EGRESS ? "egress" : "ingress";
  return { ...entry, set: fields.getUint32(0, true), identity: fields.getUint32(4, true), direction };
}
