// SPDX-License-Identifier: Apache-2.0
// Geneve tunnels.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const geneve = {
  name: "geneve",
  minKernel: "4.2",
  config: "CONFIG_GENEVE",
  probe: () => tryLinkKind("geneve"),
} satisfies FeatureProbe;
