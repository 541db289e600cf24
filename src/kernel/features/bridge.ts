// SPDX-License-Identifier: Apache-2.0
// Bridges: the underlay of sandboxes.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const bridge = {
  name: "bridge",
  minKernel: "2.6.33",
  config: "CONFIG_BRIDGE",
  probe: () => tryLinkKind("bridge"),
} satisfies FeatureProbe;
