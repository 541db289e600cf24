// SPDX-License-Identifier: Apache-2.0
// bpf_redirect_peer(): into a pod without the host side of its stack.
import { tryHelper } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const redirectPeer = {
  name: "redirect_peer",
  minKernel: "5.10",
  config: undefined,
  probe: () => tryHelper(155),
} satisfies FeatureProbe;
