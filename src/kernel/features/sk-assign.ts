// SPDX-License-Identifier: Apache-2.0
// bpf_sk_assign(): a packet given to a socket of ours.
import { tryHelper } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const skAssign = {
  name: "sk_assign",
  minKernel: "5.7",
  config: "CONFIG_INET",
  probe: () => tryHelper(124),
} satisfies FeatureProbe;
