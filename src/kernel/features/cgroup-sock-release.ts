// SPDX-License-Identifier: Apache-2.0
// Programs at the end of a cgroup's sockets.
import { AttachType } from "../bpf/link.ts";
import { ProgramType } from "../bpf/program.ts";
import { tryProgramType } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const cgroupSockRelease = {
  name: "cgroup_sock_release",
  minKernel: "5.9",
  config: "CONFIG_CGROUP_BPF",
  probe: () => tryProgramType(ProgramType.BPF_PROG_TYPE_CGROUP_SOCK, AttachType.BPF_CGROUP_INET_SOCK_RELEASE),
} satisfies FeatureProbe;
