// SPDX-License-Identifier: Apache-2.0
// Dumps of maps whose features this agent does not have: what Cilium prints where a feature is off, in the same place
// and with the same exit code, so that scripts which collect everything go on.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CiliumError } from "../../../../src/core/index.ts";
import { mapPinRoot } from "../../../../src/datapath/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, flag } from "../../define.ts";
import { ExitError } from "../../errors.ts";
import { bpfRoot, bpfRootOption, printPairs, requireRoot } from "./maps.ts";

/** What a command does without its map. */
type Answer =
  /** A line on stderr, and well. */
  | { readonly kind: "note"; readonly text: string }
  /** A line on stderr as it is, and exit code 1. */
  | { readonly kind: "failure"; readonly text: string }
  /** `Error: …`. */
  | { readonly kind: "error"; readonly text: string }
  /** A table without rows. */
  | { readonly kind: "empty"; readonly titles: readonly [string, string] };

interface AbsentMap {
  readonly usage: string;
  readonly summary: string;
  readonly aliases?: readonly string[];
  readonly options?: CommandSpec["options"];
  /** Name of the pin. */
  readonly map: string;
  readonly answer: Answer | ((call: Call) => Answer);
}

const ls = ["ls"] as const;
const openFailure = "no such file or directory";

function command({ usage, summary, aliases, options = [], map, answer }: AbsentMap): CommandSpec {
  return {
    usage,
    summary,
    ...(aliases && { aliases }),
    options: [...options, bpfRootOption],
    run: async (context, call) => {
      requireRoot();
      const path = join(mapPinRoot(await bpfRoot(context, call)), map);
      if (existsSync(path)) throw new CiliumError(`Cannot show map "${path}": it was made by another program`);
      await give(context, typeof answer === "function" ? answer(call) : answer);
    },
  };
}

async function give(context: Context, answer: Answer): Promise<void> {
  switch (answer.kind) {
    case "empty":
      return printPairs(context, answer.titles, [], { emptyTable: true });
    case "error":
      throw new CiliumError(answer.text);
    case "note":
      context.io.stderr(`${answer.text}\n`);
      return;
    case "failure":
      context.io.stderr(`${answer.text}\n`);
      throw new ExitError(1);
  }
}

function group(usage: string, summary: string, maps: readonly AbsentMap[]): CommandSpec {
  return { usage, summary, commands: maps.map(command) };
}

const noAuth = { map: "cilium_auth_map", answer: { kind: "note", text: "Cannot find auth bpf map" } } as const;

const auth = group("auth", "Authenticated connections", [
  { usage: "list", summary: "List authenticated pairs of identities", aliases: ls, ...noAuth },
  { usage: "flush", summary: "Forget all authenticated pairs", ...noAuth },
]);

const bandwidth = group("bandwidth", "Bandwidth limits", [
  {
    usage: "list",
    summary: "List endpoints' limits",
    aliases: ls,
    map: "cilium_throttle",
    answer: { kind: "failure", text: "bandwidth manager not enabled" },
  },
]);

const egress = group("egress", "Egress gateways", [
  {
    usage: "list",
    summary: "List egress policies",
    aliases: ls,
    map: "cilium_egress_gw_policy_v4_v2",
    answer: { kind: "note", text: "Cannot find egress gateway bpf maps" },
  },
]);

const lbTitles = {
  services: ["SERVICE ADDRESS", "BACKEND ADDRESS (REVNAT_ID) (SLOT)"],
  revnat: ["ID", "BACKEND ADDRESS (REVNAT_ID) (SLOT)"],
  frontends: ["SERVICE ADDRESS", "BACKEND ID"],
  backends: ["ID", "BACKEND ADDRESS"],
  sourceRanges: ["SOURCE RANGE (REVNAT_ID)", ""],
} as const;

const lb: CommandSpec = {
  usage: "lb",
  summary: "Load balancing",
  commands: [
    command({
      usage: "list",
      summary: "List services and backends",
      aliases: ls,
      options: [
        ["--revnat", "reverse NAT entries"],
        ["--frontends", "frontends alone"],
        ["--backends", "backends alone"],
        ["--source-ranges", "allowed source ranges"],
      ],
      map: "cilium_lb4_services_v2",
      answer: (call) => {
        const shown = (["revnat", "frontends", "backends", "sourceRanges"] as const).find((name) => flag(call, name));
        return { kind: "empty", titles: lbTitles[shown ?? "services"] };
      },
    }),
    group("maglev", "Maglev tables", [
      {
        usage: "list",
        summary: "List look-up tables",
        aliases: ls,
        map: "cilium_lb4_maglev",
        answer: { kind: "empty", titles: ["SVC ID", "LOOKUP TABLE"] },
      },
    ]),
  ],
};

const noMulticast = (what: string) =>
  ({
    map: "cilium_mcast_group_outer_v4_map",
    answer: { kind: "error", text: `${what}: multicast not enabled` },
  }) as const;
const failedGroups = noMulticast("failed to get multicast bpf map");

const multicast: CommandSpec = {
  usage: "multicast",
  summary: "Multicast groups",
  aliases: ["mcast"],
  commands: [
    group("group", "Groups", [
      { usage: "list", summary: "List groups", aliases: ls, ...failedGroups },
      { usage: "add <group>", summary: "Add a group", ...failedGroups },
      { usage: "delete <group>", summary: "Delete a group", aliases: ["del"], ...failedGroups },
    ]),
    {
      ...group("subscriber", "Subscribers", [
        {
          usage: "list <group>",
          summary: "List the subscribers of a group, or of all",
          aliases: ls,
          ...noMulticast("Failed to get multicast bpf map"),
        },
        {
          usage: "add <group> <subscriber>",
          summary: "Add a remote subscriber",
          ...noMulticast("Failed to get subscriber map"),
        },
        {
          usage: "delete <group> <subscriber>",
          summary: "Delete a subscriber",
          aliases: ["del"],
          ...noMulticast("Failed to get subscriber map"),
        },
      ]),
      aliases: ["sub"],
    },
  ],
};

const socknat = group("socknat", "Reverse NAT of sockets", [
  {
    usage: "list",
    summary: "List entries of the socket load balancer",
    aliases: ls,
    map: "cilium_lb4_reverse_sk",
    answer: { kind: "error", text: `Unable to open IPv4 socket reverse NAT table: ${openFailure}` },
  },
]);

const srv6 = group("srv6", "SRv6", [
  {
    usage: "policy",
    summary: "List policies",
    aliases: ["pol"],
    map: "cilium_srv6_policy_v4",
    answer: { kind: "note", text: "Cannot find SRv6 policy maps" },
  },
  {
    usage: "sid",
    summary: "List SIDs",
    map: "cilium_srv6_sid",
    answer: { kind: "note", text: "Cannot find SRv6 SID map" },
  },
  {
    usage: "vrf",
    summary: "List VRF mappings",
    aliases: ["ctx"],
    map: "cilium_srv6_vrf_v4",
    answer: { kind: "note", text: "Cannot find SRv6 VRF mapping maps" },
  },
]);

const vtepMap = "cilium_vtep_map";
const vtep = group("vtep", "VXLAN tunnel end points of others", [
  {
    usage: "list",
    summary: "List prefixes and their tunnel end points",
    aliases: ls,
    map: vtepMap,
    answer: { kind: "failure", text: `error dumping contents of map: ${openFailure}` },
  },
  {
    usage: "update <cidr> <ip> <mac>",
    summary: "Add or change a tunnel end point",
    aliases: ["add"],
    map: vtepMap,
    answer: { kind: "failure", text: `error updating contents of map: ${openFailure}` },
  },
  {
    usage: "delete <cidr>",
    summary: "Delete a tunnel end point",
    map: vtepMap,
    answer: { kind: "error", text: `error deleting contents of map: ${openFailure}` },
  },
]);

/** Command groups of features that are not there. */
export const absentGroups: readonly CommandSpec[] = [auth, bandwidth, egress, lb, multicast, socknat, srv6, vtep];
