// SPDX-License-Identifier: Apache-2.0
// Programs at any kernel function.
import { existsSync } from "node:fs";
import type { FeatureProbe } from "./types.ts";

const PMU = "/sys/bus/event_source/devices/kprobe/type";

export const kprobe = {
  name: "kprobe",
  minKernel: "4.1",
  config: "CONFIG_KPROBES",
  probe: () => (existsSync(PMU) ? undefined : `${PMU} is not there`),
} satisfies FeatureProbe;
