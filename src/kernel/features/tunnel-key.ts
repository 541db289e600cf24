// SPDX-License-Identifier: Apache-2.0
// bpf_skb_set_tunnel_key(): the tunnel chosen for each packet.
import { tryHelper } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const tunnelKey = {
  name: "tunnel_key",
  minKernel: "4.3",
  config: "CONFIG_INET",
  probe: () => tryHelper(21),
} satisfies FeatureProbe;
