// SPDX-License-Identifier: Apache-2.0
// Everything of a network namespace, and of the file systems below a folder, that an agent could change.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BpfProgram, mounts, queryTcx, Rtnetlink, withNetns } from "../../src/kernel/index.ts";

export type Machine = Readonly<Record<string, readonly string[]>>;

/** Looks at the namespace at `netns`, mounts and files below `folder`, and namespaces whose name begins as `name`. */
export function look(o: { readonly netns: string; readonly folder: string; readonly name: string }): Machine {
  const ip = (...args: string[]) => lines(execFileSync("nsenter", [`--net=${o.netns}`, "ip", ...args]).toString());
  return {
    namespaces: readdirSync("/run/netns").filter((name) => name.startsWith(o.name)),
    // A bridge's timers run by themselves.
    links: ip("-d", "-o", "link").map((line) => line.replaceAll(/\w+_timer +[\d.]+ /g, "")),
    addresses: ip("-o", "addr"),
    routes4: ip("-4", "route", "show", "table", "all"),
    routes6: ip("-6", "route", "show", "table", "all"),
    rules: [...ip("-4", "rule"), ...ip("-6", "rule")],
    neighbors: ip("neigh", "show", "nud", "permanent"),
    filters: ip("-d", "-o", "link").flatMap((line) => (/prog\/|xdp/.test(line) ? [line] : [])),
    tcx: programsOnHooks(o.netns),
    sysctls: withNetns(o.netns, () => ["ipv4", "ipv6"].flatMap((family) => sysctls(`/proc/sys/net/${family}`))),
    mounts: mounts().flatMap(({ path, type }) => (path.startsWith(o.folder) ? [`${path} ${type}`] : [])),
    files: readdirSync(o.folder, { recursive: true, encoding: "utf8" }).sort(),
  };
}

/** What one has and the other has not, a line each; [] when they are alike. */
export function differences(before: Machine, after: Machine): string[] {
  return Object.keys({ ...before, ...after }).flatMap((key) => {
    const [old, now] = [new Set(before[key]), new Set(after[key])];
    const gone = [...old.difference(now)].map((line) => `- ${key}: ${line}`);
    return [...gone, ...[...now.difference(old)].map((line) => `+ ${key}: ${line}`)];
  });
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

function programsOnHooks(netns: string): string[] {
  return withNetns(netns, () => {
    using rtnl = new Rtnetlink();
    return rtnl.links().flatMap(({ ifindex, name }) =>
      (["ingress", "egress"] as const).flatMap((hook) =>
        queryTcx(ifindex, hook).map((id) => {
          using program = BpfProgram.fromId(id);
          return `${name} ${hook} ${program.name} ${id}`;
        }),
      ),
    );
  });
}

/** Those of the namespace: forwarding, and all of conf. */
function sysctls(folder: string): string[] {
  const conf = readdirSync(join(folder, "conf"), { recursive: true, withFileTypes: true });
  const files = conf.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  if (folder.endsWith("ipv4")) files.push(join(folder, "ip_forward"));
  return files.sort().flatMap((path) => {
    try {
      return [`${path} ${readFileSync(path, "utf8").trim()}`];
    } catch {
      return []; // may only be written, or holds nothing yet (stable_secret)
    }
  });
}
