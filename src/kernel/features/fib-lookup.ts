// SPDX-License-Identifier: Apache-2.0
// bpf_fib_lookup(): the routing table from programs.
import { tryHelper } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const fibLookup = {
  name: "fib_lookup",
  minKernel: "4.18",
  config: "CONFIG_INET",
  probe: () => tryHelper(69),
} satisfies FeatureProbe;
