// SPDX-License-Identifier: Apache-2.0
// Feature probes: what the running kernel can do. Each is tried once, when it is first asked for.
import { UnsupportedFeatureError } from "../errors.ts";
import { type FeatureName, probes } from "./registry.ts";
import type { FeatureProbe } from "./types.ts";

export type { FeatureName } from "./registry.ts";

export interface Feature {
  readonly name: FeatureName;
  /** First kernel that has it. */
  readonly minKernel: string;
  /** CONFIG symbol that it needs most of all. */
  readonly config: string;
  readonly available: boolean;
  /** What the kernel said when it is not there. */
  readonly reason: string | undefined;
}

const known = new Map<string, Feature>();

/** Tries the feature, at the first time. Throws EPERM without the rights to try. */
export function probeFeature(name: FeatureName): Feature {
  const found = known.get(name);
  if (found !== undefined) return found;
  const { minKernel, config, probe }: FeatureProbe = probeNamed(name);
  const reason = probe();
  const feature = { name, minKernel, config, available: reason === undefined, reason };
  known.set(name, feature);
  return feature;
}

function probeNamed(name: FeatureName): FeatureProbe {
  const found = probes.find((probe) => probe.name === name);
  if (found === undefined) throw new Error(`Cannot probe feature "${name}": it is not known`);
  return found;
}

/** Throws UnsupportedFeatureError when it is not there. */
export function requireFeature(name: FeatureName): void {
  const feature = probeFeature(name);
  if (!feature.available) throw new UnsupportedFeatureError(feature, feature.reason ?? "it is not there");
}

/** All of them. */
export function listFeatures(): Feature[] {
  return probes.map(({ name }) => probeFeature(name));
}
