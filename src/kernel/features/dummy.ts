// SPDX-License-Identifier: Apache-2.0
// Dummy devices.
import { tryLinkKind } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const dummy = {
  name: "dummy",
  minKernel: "2.6.24",
  config: "CONFIG_DUMMY",
  probe: () => tryLinkKind("dummy"),
} satisfies FeatureProbe;
