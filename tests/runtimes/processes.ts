// SPDX-License-Identifier: Apache-2.0
// What runtimes leave running, and how it ends.
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../src/core/testing.ts";

const cgroups = "/sys/fs/cgroup";

/** Ends a process and waits for it. */
export async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** Ends what has a text on its command line (containers' shims and monitors outlive their runtime), and what runs in control groups of a name; these go too. */
export async function endRemains(words: string, group: string): Promise<void> {
  const left = () => [...withArguments(words), ...groups(group).flatMap(processesIn)];
  await eventually("containers to end", () => {
    for (const pid of left()) process.kill(pid, "SIGKILL");
    return left().length === 0;
  });
  for (const folder of groups(group).reverse()) rmdirSync(folder);
}

function withArguments(words: string): number[] {
  const lines = execFileSync("ps", ["-ww", "-eo", "pid=,stat=,args="], { encoding: "utf8" }).split("\n");
  return lines
    .filter((line) => line.includes(words) && !/^\s*\d+\s+Z/.test(line))
    .map((line) => Number.parseInt(line, 10));
}

/** With those inside, the outer ones first. */
function groups(name: string): string[] {
  const top = readdirSync(cgroups).map((hierarchy) => join(cgroups, hierarchy, name));
  return top
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [
      folder,
      ...readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name)),
    ]);
}

function processesIn(group: string): number[] {
  const text = readFileSync(join(group, "cgroup.procs"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}
