// SPDX-License-Identifier: Apache-2.0
// What the kernel can do, and what happens on this node where it cannot.
import { release } from "node:os";
import type { AgentApi } from "../../src/api/index.ts";
import { createLogger, type Module } from "../../src/core/index.ts";
import { type Feature, type FeatureName, listFeatures } from "../../src/kernel/index.ts";

const required = "none: the agent does not start";

/** What is done without a feature; features that nothing uses yet are not here. */
const fallbacks: Readonly<Partial<Record<FeatureName, string>>> = {
  tcx: "programs are attached as clsact filters (Attach Mode: Legacy TC)",
  clsact: required,
  xdp: "the prefilter cannot be enabled",
  xdp_veth: "on veth devices the prefilter runs in the kernel's generic mode",
  redirect_peer: required,
  redirect_neigh: required,
  fib_lookup: required,
  tunnel_key: required,
  ringbuf: required,
  lpm_trie: required,
  lru_hash: required,
  percpu_hash: required,
  veth: required,
  vxlan: required,
  map_batch: "maps are read and written entry by entry",
  geneve: "tunnel-protocol=geneve cannot be used (vxlan can)",
  ipvlan: "datapath-mode=ipvlan cannot be used (veth can)",
  netns_cookie: "none: pods cannot be attached",
};

/** One line in the log when the agent is up: probing takes tens of milliseconds, for which nobody should wait. */
export function createFeatureModule(): Module {
  const log = createLogger("features");
  let probing: NodeJS.Immediate | undefined;
  return {
    name: "features",
    async start() {
      probing = setImmediate(() => {
        const missing = listFeatures().filter(({ available }) => !available);
        const [lacking, unused] = [missing.filter(inUse), missing.filter((feature) => !inUse(feature))];
        const names = (features: readonly Feature[]) => features.map(describe).join(", ") || "none";
        log.info("Features that this kernel lacks", {
          kernel: release(),
          "with-fallback": names(lacking),
          unused: names(unused),
        });
      });
    },
    async stop() {
      clearImmediate(probing);
    },
  };
}

export const featureCalls: Pick<AgentApi, "features"> = {
  features: () => ({
    kernel: release(),
    features: listFeatures().map(({ name, available, minKernel, config, reason }) => ({
      ...{ name, available, "min-kernel": minKernel },
      ...(config === undefined ? {} : { config }),
      ...(reason === undefined ? {} : { reason }),
      ...(fallbacks[name] === undefined ? {} : { fallback: fallbacks[name] }),
    })),
  }),
};

/** For status: each feature that is missing and used, with what is done instead. Probes at the first call. */
export function missingFeatures(): readonly { readonly name: string; readonly fallback: string }[] {
  return listFeatures().flatMap(({ name, available }) => {
    const fallback = fallbacks[name];
    return available || fallback === undefined ? [] : [{ name, fallback }];
  });
}

function inUse({ name }: Feature): boolean {
  return fallbacks[name] !== undefined;
}

function describe({ name, minKernel, config }: Feature): string {
  return `${name} (${minKernel}${config === undefined ? "" : `, ${config}`})`;
}
