// SPDX-License-Identifier: Apache-2.0
// What this project does on kernels that lack a feature.
import { type Feature, type FeatureName, listFeatures } from "../kernel/index.ts";

interface Fallback {
  readonly text: string;
  /** Whether it is in effect wherever the feature lacks, and not only refused when somebody asks for it. */
  readonly inEffect?: true;
}

const required: Fallback = { text: "none: the agent does not start" };

/** Features that nothing uses yet are not here. */
const fallbacks: Readonly<Partial<Record<FeatureName, Fallback>>> = {
  tcx: { text: "programs are attached as clsact filters (Attach Mode: Legacy TC)", inEffect: true },
  clsact: required,
  xdp: { text: "the prefilter cannot be enabled" },
  xdp_veth: { text: "on veth devices the prefilter runs in the kernel's generic mode", inEffect: true },
  redirect_peer: required,
  redirect_neigh: required,
  fib_lookup: required,
  tunnel_key: { text: "routing-mode=tunnel cannot be used (native can)" },
  ringbuf: required,
  lpm_trie: required,
  lru_hash: required,
  percpu_hash: required,
  veth: required,
  vxlan: { text: "tunnel-protocol=vxlan cannot be used (geneve or routing-mode=native can)" },
  map_batch: { text: "maps are read and written entry by entry", inEffect: true },
  geneve: { text: "tunnel-protocol=geneve cannot be used (vxlan can)" },
  ipvlan: { text: "datapath-mode=ipvlan cannot be used (veth can)" },
  netns_cookie: { text: "none: pods cannot be attached" },
};

/** A feature as it was probed; `fallback`: what is done without it, absent where nothing uses it yet. */
export interface UsedFeature extends Feature {
  readonly fallback: string | undefined;
  /** It is missing, and something else is done instead. */
  readonly replaced: boolean;
}

/** All features. Probes at the first call, which takes tens of milliseconds and the rights to load programs. */
export function usedFeatures(): readonly UsedFeature[] {
  return listFeatures().map((feature) => {
    const fallback = fallbacks[feature.name];
    return { ...feature, fallback: fallback?.text, replaced: !feature.available && fallback?.inEffect === true };
  });
}
