// SPDX-License-Identifier: Apache-2.0
// netkit devices: veth made for programs.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const netkit = {
  name: "netkit",
  minKernel: "6.7",
  config: "CONFIG_NETKIT",
  probe: () => tryLinkKind("netkit"),
} satisfies FeatureProbe;
