// SPDX-License-Identifier: Apache-2.0
// The kernel tells its types: CO-RE relocations work.
import { existsSync } from "node:fs";
import type { FeatureProbe } from "./types.ts";

const BTF = "/sys/kernel/btf/vmlinux";

export const kernelBtf = {
  name: "kernel_btf",
  minKernel: "5.4",
  config: "CONFIG_DEBUG_INFO_BTF",
  probe: () => (existsSync(BTF) ? undefined : `${BTF} is not there`),
} satisfies FeatureProbe;
