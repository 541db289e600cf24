// SPDX-License-Identifier: Apache-2.0
// Namespaces have a number that programs see too.
import { netnsCookie } from "../netns.ts";
import { attempt } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const netnsCookieFeature = {
  name: "netns_cookie",
  minKernel: "5.14",
  config: "CONFIG_NET_NS",
  probe: () => attempt(() => void netnsCookie()),
} satisfies FeatureProbe;
