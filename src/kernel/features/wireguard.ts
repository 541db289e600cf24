// SPDX-License-Identifier: Apache-2.0
// WireGuard tunnels.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const wireguard = {
  name: "wireguard",
  minKernel: "5.6",
  config: "CONFIG_WIREGUARD",
  probe: () => tryLinkKind("wireguard"),
} satisfies FeatureProbe;
