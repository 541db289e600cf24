// SPDX-License-Identifier: Apache-2.0
// IPVLAN devices.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const ipvlan = {
  name: "ipvlan",
  minKernel: "3.19",
  config: "CONFIG_IPVLAN",
  probe: () => tryLinkKind("ipvlan"),
} satisfies FeatureProbe;
