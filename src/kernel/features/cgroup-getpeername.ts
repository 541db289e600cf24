// SPDX-License-Identifier: Apache-2.0
// Programs at getpeername(2) of a cgroup.
import { AttachType } from "../bpf/link.ts";
import { ProgramType } from "../bpf/program.ts";
import { tryProgramType } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const cgroupGetpeername = {
  name: "cgroup_getpeername",
  minKernel: "5.8",
  config: "CONFIG_CGROUP_BPF",
  probe: () => tryProgramType(ProgramType.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, AttachType.BPF_CGROUP_INET4_GETPEERNAME),
} satisfies FeatureProbe;
