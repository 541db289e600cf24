// SPDX-License-Identifier: Apache-2.0
// Maps whose values are maps.
import { BpfMap } from "../bpf/map.ts";
import { attempt } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const mapInMap = {
  name: "map_in_map",
  minKernel: "4.12",
  config: "CONFIG_BPF_SYSCALL",
  probe: () =>
    attempt(() => {
      using inner = BpfMap.create({ type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
      BpfMap.create({ type: "hash_of_maps", keySize: 4, valueSize: 4, maxEntries: 1, inner }).close();
    }),
} satisfies FeatureProbe;
