// SPDX-License-Identifier: Apache-2.0
// XDP in the driver of veth devices, also in containers.
import { AttachType, BpfLink } from "../bpf/link.ts";
import { BpfProgram, ProgramType } from "../bpf/program.ts";
import { Rtnetlink } from "../netlink/rtnetlink.ts";
import { createAnonymousNetns, withNetns } from "../netns.ts";
import { attempt, doNothing } from "./try.ts";
import type { FeatureProbe } from "./types.ts";

const XDP_FLAGS_DRV_MODE = 4;

export const xdpVeth = {
  name: "xdp_veth",
  minKernel: "4.19",
  config: "CONFIG_VETH",
  probe: () =>
    attempt(() => {
      using netns = createAnonymousNetns();
      using netlink = new Rtnetlink({ netns });
      const { ifindex } = netlink.createVeth({ name: "probe0", peer: { name: "probe1" } });
      using program = BpfProgram.load(doNothing(ProgramType.BPF_PROG_TYPE_XDP));
      const attachType = AttachType.BPF_XDP;
      const create = () =>
        BpfLink.create({ program, target: ifindex, attachType, what: "veth", flags: XDP_FLAGS_DRV_MODE });
      withNetns(netns, create).close();
    }),
} satisfies FeatureProbe;
