// SPDX-License-Identifier: Apache-2.0
// What a run could leave on the machine: namespaces, links, routes, mounts, BPF pins, sandboxes, processes.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Environment variable that marks the processes of a test run, so that strays are known by it. */
export const RUN_MARK = "TEST_RUN_MARK";

/** Names of things by kind. */
export type Snapshot = ReadonlyMap<string, ReadonlySet<string>>;

const MAX_PIN_DEPTH = 8;

/** Looks at the machine now. */
export function takeSnapshot(): Snapshot {
  const mounts = readMounts();
  return new Map([
    ["network namespace", new Set([...listDir("/run/netns"), ...processNamespaces()])],
    ["link", new Set(listDir("/sys/class/net"))],
    ["route", new Set(routes())],
    ["mount", new Set(mounts.map(({ path, type }) => `${path} (${type})`))],
    ["BPF pin", new Set(mounts.filter(({ type }) => type === "bpf").flatMap(({ path }) => walk(path, 0)))],
    ["sandbox", new Set(listDir("/run/cilium-sandbox"))],
    ["process", new Set(markedProcesses())],
  ]);
}

/** One line for each thing that is there after and was not before. Links that went away count too. */
export function compareSnapshots(before: Snapshot, after: Snapshot): readonly string[] {
  const lines: string[] = [];
  for (const [kind, names] of after) {
    const earlier = before.get(kind) ?? new Set();
    for (const name of names.difference(earlier)) lines.push(`${kind} ${name}`);
  }
  for (const name of (before.get("link") ?? new Set()).difference(after.get("link") ?? new Set())) {
    lines.push(`link ${name} is gone`);
  }
  return lines;
}

function listDir(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return []; // not there: nothing in it
  }
}

/** Processes that exit while being looked at have nothing to tell. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function pids(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** Namespaces that live because a marked process is in them. */
function processNamespaces(): string[] {
  const own = namespaceOf("self");
  return markedPids()
    .map(namespaceOf)
    .filter((name) => name !== undefined && name !== own)
    .map(String);
}

function markedPids(): string[] {
  const mark = `${RUN_MARK}=${process.env[RUN_MARK] ?? ""}`;
  return pids().filter((pid) => {
    if (Number(pid) === process.pid) return false;
    return readProc(`/proc/${pid}/environ`).split("\0").includes(mark);
  });
}

function markedProcesses(): string[] {
  return markedPids().map((pid) => {
    const command = readProc(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    return `${pid} (${command.slice(0, 120)})`;
  });
}

function routes(): string[] {
  const ipv4 = readProc("/proc/net/route")
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .map(([device, destination, gateway, , , , , mask]) => `IPv4 ${destination}/${mask} via ${gateway} on ${device}`);
  const ipv6 = readProc("/proc/net/ipv6_route")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .map((fields) => `IPv6 ${fields[0]}/${fields[1]} via ${fields[4]} on ${fields[9]}`);
  return [...ipv4, ...ipv6].filter((line) => !line.includes("undefined"));
}

function readMounts(): { path: string; type: string }[] {
  return readProc("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [left = "", right = ""] = line.split(" - ");
      return { path: left.split(" ")[4] ?? "", type: right.split(" ")[0] ?? "" };
    });
}

function walk(folder: string, depth: number): string[] {
  if (depth > MAX_PIN_DEPTH) return [];
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...walk(path, depth + 1)] : [path];
    });
  } catch {
    return []; // unmounted or removed meanwhile
  }
}
