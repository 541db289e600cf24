// SPDX-License-Identifier: Apache-2.0
// Programs at devices as links, in an order of their own, instead of tc filters.
import { queryTcx } from "../bpf/attach.ts";
import { attempt } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const tcx = {
  name: "tcx",
  minKernel: "6.6",
  config: "CONFIG_NET_XGRESS",
  probe: () => attempt(() => void queryTcx(1, "ingress")),
} satisfies FeatureProbe;
