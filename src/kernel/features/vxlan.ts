// SPDX-License-Identifier: Apache-2.0
// VXLAN tunnels.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const vxlan = {
  name: "vxlan",
  minKernel: "3.7",
  config: "CONFIG_VXLAN",
  probe: () => tryLinkKind("vxlan"),
} satisfies FeatureProbe;
