// SPDX-License-Identifier: Apache-2.0
// bpf: what the kernel holds, read from the pinned maps (as root, also without the agent).
import type { CommandSpec } from "../define.ts";
import { ct } from "./bpf/ct.ts";
import { endpoint } from "./bpf/endpoint.ts";
import { ipcache } from "./bpf/ipcache.ts";
import { metrics } from "./bpf/metrics.ts";
import { nodeid } from "./bpf/nodeid.ts";
import { policy } from "./bpf/policy.ts";
import { tunnel } from "./bpf/tunnel.ts";

export const bpf: CommandSpec = {
  usage: "bpf",
  summary: "Contents of the BPF maps",
  commands: [ct, endpoint, ipcache, metrics, nodeid, policy, tunnel],
};
