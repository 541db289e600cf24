// SPDX-License-Identifier: Apache-2.0
// Fills a node's maps with what a large cluster would put there; no packet of a benchmark meets any of it.
import { join } from "node:path";
import { CT_ENTRY_SIZE, CT4_KEY_SIZE, decodeCtEntry, encodeCt4Key, encodeCtEntry } from "../../src/abi/index.ts";
import { openPinnedMaps, type PolicyMapEntry } from "../../src/datapath/index.ts";
import { BpfMap } from "../../src/kernel/index.ts";

/** Entries of each kind. */
export const load = { policy: 10_000, conntrack: 100_000, ipcache: 50_000 } as const;

const SETS = 10;
const FIRST_SET = 1_000_000;
const FIRST_IDENTITY = 20_000;
/** Seconds. */
const HALF_AN_HOUR = 1800;

/** Writes `load` into the maps pinned below `bpfRoot`. */
export function fillMaps(bpfRoot: string): void {
  using maps = openPinnedMaps(bpfRoot);
  for (let set = 0; set < SETS; set++) {
    maps.policy.writeSet(
      FIRST_SET + set,
      Array.from({ length: load.policy / SETS }, (_, index) => policyEntry(index)),
    );
  }
  maps.ipcache.upsertMany(
    Array.from({ length: load.ipcache }, (_, index) => ({
      prefix: `172.20.${index >> 8}.${index & 255}/32`,
      identity: FIRST_IDENTITY + (index % 1000),
      tunnelEndpoint: "172.31.99.1",
      encryptKey: 0,
      skipTunnel: false,
      remoteCluster: false,
    })),
  );
  fillConntrack(join(bpfRoot, "tc", "globals", "cilium_ct4_global"));
}

function policyEntry(index: number): PolicyMapEntry {
  const identity = FIRST_IDENTITY + index;
  return {
    ...{ identity, direction: "ingress", protocol: 6, port: 1 + (index % 7), portPrefix: 16 },
    ...{ verdict: "allow", cookie: 0, proxyPort: 0, authType: 0 },
  };
}

function fillConntrack(pin: string): void {
  using map = BpfMap.openPinned(pin);
  const now = Number(process.hrtime.bigint() / 1_000_000_000n);
  const entry = encodeCtEntry({ ...decodeCtEntry(new Uint8Array(CT_ENTRY_SIZE)), expires: now + HALF_AN_HOUR });
  const keys = new Uint8Array(load.conntrack * CT4_KEY_SIZE);
  const values = new Uint8Array(load.conntrack * CT_ENTRY_SIZE);
  for (let index = 0; index < load.conntrack; index++) {
    const key = encodeCt4Key({
      ...{ local: 0x0a_70_00_00 + (index >> 8), remote: 0x0a_71_00_00 + (index & 0xff) },
      ...{ localPort: 80, remotePort: 40_000, protocol: 6 },
    });
    keys.set(key, index * CT4_KEY_SIZE);
    values.set(entry, index * CT_ENTRY_SIZE);
  }
  map.updateBatch(keys, values, load.conntrack);
}
