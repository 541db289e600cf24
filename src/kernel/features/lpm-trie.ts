// SPDX-License-Identifier: Apache-2.0
// Longest-prefix maps.
import { tryMap } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const lpmTrie = {
  name: "lpm_trie",
  minKernel: "4.11",
  config: "CONFIG_BPF_SYSCALL",
  probe: () => tryMap({ type: "lpm_trie", keySize: 8, valueSize: 4, maxEntries: 1 }),
} satisfies FeatureProbe;
