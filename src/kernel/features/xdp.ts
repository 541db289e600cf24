// SPDX-License-Identifier: Apache-2.0
// Programs in the driver, before the stack.
import { ProgramType } from "../bpf/program.ts";
import { tryProgramType } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const xdp = {
  name: "xdp",
  minKernel: "4.8",
  config: "CONFIG_NET",
  probe: () => tryProgramType(ProgramType.BPF_PROG_TYPE_XDP),
} satisfies FeatureProbe;
