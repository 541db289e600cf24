// SPDX-License-Identifier: Apache-2.0
// VRF devices.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const vrf = {
  name: "vrf",
  minKernel: "4.3",
  config: "CONFIG_NET_VRF",
  probe: () => tryLinkKind("vrf"),
} satisfies FeatureProbe;
