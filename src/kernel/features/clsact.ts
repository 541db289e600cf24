// SPDX-License-Identifier: Apache-2.0
// tc filters that run programs: the way before tcx.
import { BpfProgram, ProgramType } from "../bpf/program.ts";
import { attempt, doNothing, inNewNetns } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

export const clsact = {
  name: "clsact",
  minKernel: "4.5",
  config: "CONFIG_NET_CLS_BPF",
  probe: () =>
    attempt(() =>
      inNewNetns((netlink) => {
        using program = BpfProgram.load(doNothing(ProgramType.BPF_PROG_TYPE_SCHED_CLS));
        netlink.addClsact(1);
        netlink.attachClsact({ program, ifindex: 1, hook: "ingress" });
      }),
    ),
} satisfies FeatureProbe;
