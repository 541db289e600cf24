// SPDX-License-Identifier: Apache-2.0
// Pairs of devices, one end in a pod.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const veth = {
  name: "veth",
  minKernel: "2.6.24",
  config: "CONFIG_VETH",
  probe: () => tryLinkKind("veth"),
} satisfies FeatureProbe;
