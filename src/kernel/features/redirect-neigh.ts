// SPDX-License-Identifier: Apache-2.0
// bpf_redirect_neigh(): out of a device with the neighbour looked up by the kernel.
import { tryHelper } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const redirectNeigh = {
  name: "redirect_neigh",
  minKernel: "5.10",
  config: "CONFIG_INET",
  probe: () => tryHelper(152),
} satisfies FeatureProbe;
