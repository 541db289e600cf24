// SPDX-License-Identifier: Apache-2.0
// What the kernel of this node says: devices, routes, programs on devices, counters.
import { AttachType, listLinks, queryTcx, Rtnetlink } from "../../../src/kernel/index.ts";
import type { Item } from "./types.ts";

/** Files of /proc that tell of the machine, by the names that they get. */
const procFiles: readonly (readonly [name: string, file: string])[] = [
  ["version", "/proc/version"],
  ["os-release", "/etc/os-release"],
  ["cpuinfo", "/proc/cpuinfo"],
  ["meminfo", "/proc/meminfo"],
  ["loadavg", "/proc/loadavg"],
  ["uptime", "/proc/uptime"],
  ["mounts", "/proc/self/mountinfo"],
  ["modules", "/proc/modules"],
  ["limits", "/proc/self/limits"],
  ["net-dev", "/proc/net/dev"],
  ["net-snmp", "/proc/net/snmp"],
  ["net-snmp6", "/proc/net/snmp6"],
  ["net-netstat", "/proc/net/netstat"],
  ["softnet_stat", "/proc/net/softnet_stat"],
  ["sockstat", "/proc/net/sockstat"],
];

export function kernelItems(): readonly Item[] {
  const json = (path: string, read: (rtnl: Rtnetlink) => unknown): Item => ({
    path,
    read: () => {
      using rtnl = new Rtnetlink();
      return `${JSON.stringify(read(rtnl), plain, 1)}\n`;
    },
  });
  return [
    json("network/links.json", (rtnl) => rtnl.links()),
    json("network/addresses.json", (rtnl) => rtnl.addresses()),
    json("network/routes.json", (rtnl) => rtnl.routes()),
    json("network/rules.json", (rtnl) => rtnl.rules()),
    json("network/neighbors.json", (rtnl) => rtnl.neighbors()),
    json("network/programs.json", programsOf),
    json("bpf/links.json", () => listLinks().map((link) => ({ ...link, attach: attachName(link.attachType) }))),
    ...procFiles.map(([name, file]) => ({ path: `system/${name}`, file })),
  ];
}

/** Programs on each device: tcx in their order, and clsact filters. */
function programsOf(rtnl: Rtnetlink): unknown {
  const hooks = ["ingress", "egress"] as const;
  const clsact = new Set(rtnl.clsactDevices());
  return rtnl.links().map(({ name, ifindex }) => ({
    ...{ name, ifindex },
    tcx: Object.fromEntries(hooks.map((hook) => [hook, attempt(() => queryTcx(ifindex, hook))])),
    clsact: clsact.has(ifindex)
      ? Object.fromEntries(hooks.map((hook) => [hook, rtnl.clsactFilters(ifindex, hook)]))
      : undefined,
  }));
}

/** Older kernels have no tcx: then what they say stands here. */
function attempt<T>(question: () => T): T | string {
  try {
    return question();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function attachName(type: number | undefined): string | undefined {
  return Object.entries(AttachType).find(([, value]) => value === type)?.[0];
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
