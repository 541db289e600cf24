// SPDX-License-Identifier: Apache-2.0
// bpf: what the kernel holds, read from the pinned maps (as root, also without the agent).
import type { CommandSpec } from "../define.ts";
import { absentGroups } from "./bpf/absent.ts";
import { config } from "./bpf/config.ts";
import { ct } from "./bpf/ct.ts";
import { endpoint } from "./bpf/endpoint.ts";
import { frag } from "./bpf/frag.ts";
import { fs } from "./bpf/fs.ts";
import { ipcache } from "./bpf/ipcache.ts";
import { ipmasq } from "./bpf/ipmasq.ts";
import { metrics } from "./bpf/metrics.ts";
import { nat } from "./bpf/nat.ts";
import { nodeid } from "./bpf/nodeid.ts";
import { policy } from "./bpf/policy.ts";
import { sha } from "./bpf/sha.ts";
import { tunnel } from "./bpf/tunnel.ts";

export const bpf: CommandSpec = {
  usage: "bpf",
  summary: "Contents of the BPF maps",
  commands: [
    config,
    ct,
    endpoint,
    frag,
    fs,
    ipcache,
    ipmasq,
    metrics,
    nat,
    nodeid,
    policy,
    sha,
    tunnel,
    ...absentGroups,
  ].toSorted((a, b) => (a.usage < b.usage ? -1 : 1)),
};
