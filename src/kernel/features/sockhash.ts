// SPDX-License-Identifier: Apache-2.0
// Maps of sockets, to pass data between them.
import { tryMap } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const sockhash = {
  name: "sockhash",
  minKernel: "4.18",
  config: "CONFIG_BPF_STREAM_PARSER",
  probe: () => tryMap({ type: "sockhash", keySize: 4, valueSize: 4, maxEntries: 1 }),
} satisfies FeatureProbe;
