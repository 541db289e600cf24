// SPDX-License-Identifier: Apache-2.0
// Programs that choose the listening socket.
import { tryProgramType } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const skLookup = {
  name: "sk_lookup",
  minKernel: "5.9",
  config: "CONFIG_INET",
  probe: () => tryProgramType(30, 36),
} satisfies FeatureProbe;
