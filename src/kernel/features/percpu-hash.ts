// SPDX-License-Identifier: Apache-2.0
// Hash maps with a value for each CPU.
import { tryMap } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const percpuHash = {
  name: "percpu_hash",
  minKernel: "4.6",
  config: "CONFIG_BPF_SYSCALL",
  probe: () => tryMap({ type: "percpu_hash", keySize: 4, valueSize: 8, maxEntries: 1 }),
} satisfies FeatureProbe;
