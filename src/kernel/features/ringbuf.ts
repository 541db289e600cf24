// SPDX-License-Identifier: Apache-2.0
// Ring buffer maps, shared by all CPUs.
import { PAGE_SIZE } from "../mapping.ts";
import { tryMap } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const ringbuf = {
  name: "ringbuf",
  minKernel: "5.8",
  config: "CONFIG_BPF_SYSCALL",
  probe: () => tryMap({ type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: PAGE_SIZE }),
} satisfies FeatureProbe;
