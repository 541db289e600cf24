// SPDX-License-Identifier: Apache-2.0
// Many entries of a map in one system call.
import { BpfMap } from "../bpf/map.ts";
import { updateBatch } from "../bpf/map-batch.ts";
import type { FeatureProbe } from "./types.ts";

export const mapBatch = {
  name: "map_batch",
  minKernel: "5.6",
  config: "CONFIG_BPF_SYSCALL",
  probe: () => {
    using map = BpfMap.create({ type: "hash", keySize: 4, valueSize: 4, maxEntries: 1 });
    const result = updateBatch(map, { keys: new Uint8Array(4), values: new Uint8Array(4), count: 1 }, 0);
    return result === undefined ? undefined : "BPF_MAP_UPDATE_BATCH is unknown";
  },
} satisfies FeatureProbe;
