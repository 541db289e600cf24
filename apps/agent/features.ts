// SPDX-License-Identifier: Apache-2.0
// What the kernel can do, and what happens on this node where it cannot.
import { release } from "node:os";
import type { AgentApi } from "../../src/api/index.ts";
import { createLogger, type Module } from "../../src/core/index.ts";
import { type UsedFeature, usedFeatures } from "../../src/datapath/index.ts";

/** One line in the log when the agent is up: probing takes tens of milliseconds, for which nobody should wait. */
export function createFeatureModule(): Module {
  const log = createLogger("features");
  let probing: NodeJS.Immediate | undefined;
  return {
    name: "features",
    async start() {
      probing = setImmediate(() => {
        const missing = usedFeatures().filter(({ available }) => !available);
        const names = (used: boolean) =>
          missing
            .filter(({ fallback }) => (fallback !== undefined) === used)
            .map(describe)
            .join(", ") || "none";
        log.info("Features that this kernel lacks", {
          kernel: release(),
          used: names(true),
          unused: names(false),
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
    features: usedFeatures().map(({ name, available, minKernel, config, reason, fallback }) => ({
      ...{ name, available, "min-kernel": minKernel, config },
      ...(reason === undefined ? {} : { reason }),
      ...(fallback === undefined ? {} : { fallback }),
    })),
  }),
};

function describe({ name, minKernel, config }: UsedFeature): string {
  return `${name} (${minKernel}, ${config})`;
}
