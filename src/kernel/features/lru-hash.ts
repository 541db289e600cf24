// SPDX-License-Identifier: Apache-2.0
// Hash maps that drop the oldest entries.
import { tryMap } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const lruHash = {
  name: "lru_hash",
  minKernel: "4.10",
  config: "CONFIG_BPF_SYSCALL",
  probe: () => tryMap({ type: "lru_hash", keySize: 4, valueSize: 4, maxEntries: 1 }),
} satisfies FeatureProbe;
