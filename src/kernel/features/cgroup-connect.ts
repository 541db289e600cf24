// SPDX-License-Identifier: Apache-2.0
// Programs at connect(2) and sendmsg(2) of a cgroup.
import { AttachType } from "../bpf/link.ts";
import { ProgramType } from "../bpf/program.ts";
import { tryProgramType } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const cgroupConnect = {
  name: "cgroup_connect",
  minKernel: "4.17",
  config: "CONFIG_CGROUP_BPF",
  probe: () => tryProgramType(ProgramType.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, AttachType.BPF_CGROUP_INET4_CONNECT),
} satisfies FeatureProbe;
