// SPDX-License-Identifier: Apache-2.0
// bpf_redirect_peer(): into a pod without the host side of its stack.
import { tryHelper } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const redirectPeer = {
  name: "redirect_peer",
  minKernel: "5.10",
  config: "CONFIG_NET",
  probe: () => tryHelper(155),
} satisfies FeatureProbe;
