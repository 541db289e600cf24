// SPDX-License-Identifier: Apache-2.0
// loadinfo: how busy the machine is, and with what.
import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { CommandSpec } from "../define.ts";

/** Milliseconds between the two looks at the processes. */
const INTERVAL = 500;
/** Percent of one processor from which on a process is told. */
const WATERMARK = 1;
const TICKS = 100;

export const loadinfo: CommandSpec = {
  usage: "loadinfo",
  summary: "Show load, memory and busy processes of this machine",
  plain: true,
  run: async (context) => {
    const memory = kilobytes(readFileSync("/proc/meminfo", "utf8"));
    context.print([loadLine(loadavg()), ...memoryLines(memory)]);
    const before = processes();
    await sleep(INTERVAL);
    context.print(processLines(before, processes(), memory.get("MemTotal") ?? 0));
  },
};

function loadLine([one = 0, five = 0, fifteen = 0]: readonly number[]): string {
  return `Load 1-min: ${one.toFixed(2)} 5-min: ${five.toFixed(2)} 15min: ${fifteen.toFixed(2)}`;
}

/** Kilobytes by name, from the text of /proc/meminfo or a process' status. */
function kilobytes(text: string): ReadonlyMap<string, number> {
  return new Map(Array.from(text.matchAll(/^(\w+):\s+(\d+) kB$/gm), ([, name = "", kb]) => [name, Number(kb)]));
}

/** Megabytes. */
function memoryLines(values: ReadonlyMap<string, number>): string[] {
  const mb = (name: string) => Math.floor((values.get(name) ?? 0) / 1024);
  const share = (used: number, total: number) => (total === 0 ? 0 : (used / total) * 100).toFixed(2);
  const [total, free, buffers, cached] = [mb("MemTotal"), mb("MemFree"), mb("Buffers"), mb("Cached")];
  const used = total - free - buffers - cached;
  const [swap, swapFree] = [mb("SwapTotal"), mb("SwapFree")];
  const swapUsed = swap - swapFree;
  return [
    `Memory: Total: ${total} Used: ${used} (${share(used, total)}%) Free: ${free} Buffers: ${buffers} Cached: ${cached}`,
    `Swap: Total: ${swap} Used: ${swapUsed} (${share(swapUsed, swap)}%) Free: ${swapFree}`,
  ];
}

/** One process as /proc tells it. */
interface Process {
  readonly name: string;
  readonly state: string;
  /** Clock ticks. */
  readonly time: number;
  readonly command: readonly string[];
  /** Of /proc/PID/status. */
  readonly memory: ReadonlyMap<string, number>;
}

/** Those that used the processor between two looks, the busiest first. */
function processLines(
  before: ReadonlyMap<number, Process>,
  after: ReadonlyMap<number, Process>,
  memoryTotal: number,
): string[] {
  return Array.from(after, ([pid, process]) => {
    const ticks = process.time - (before.get(pid)?.time ?? process.time);
    return { pid, process, percent: (ticks / TICKS / INTERVAL) * 100_000 };
  })
    .filter(({ percent }) => percent > WATERMARK)
    .sort((a, b) => b.percent - a.percent)
    .map(({ pid, process: { name, state, command, memory }, percent }) => {
      const share = memoryTotal === 0 ? 0 : ((memory.get("VmRSS") ?? 0) / memoryTotal) * 100;
      const usage = `CPU: ${percent.toFixed(2)}% MEM: ${share.toFixed(2)}%`;
      return `NAME ${name} STATUS ${state} PID ${pid} ${usage} CMDLINE: [${command.join(" ")}] MEM-EXT: ${extended(memory)}`;
    });
}

/** Megabytes of each kind. */
function extended(memory: ReadonlyMap<string, number>): string {
  const kinds = [
    ["RSS", "VmRSS"],
    ["VMS", "VmSize"],
    ["Data", "VmData"],
    ["Stack", "VmStk"],
    ["Locked", "VmLck"],
    ["Swap", "VmSwap"],
  ] as const;
  return kinds.map(([word, name]) => `${word}: ${Math.floor((memory.get(name) ?? 0) / 1024)}`).join(" ");
}

function processes(): Map<number, Process> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Map(
    pids.flatMap((pid) => {
      const process = readProcess(pid);
      return process === undefined ? [] : [[Number(pid), process]];
    }),
  );
}

/** Undefined when it ended meanwhile. */
function readProcess(pid: string): Process | undefined {
  try {
    const stat = /^\d+ \((.*)\) (\S) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    if (stat === null) return undefined;
    const fields = (stat[3] ?? "").split(" ");
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0+$/, "").split("\0");
    const memory = kilobytes(readFileSync(`/proc/${pid}/status`, "utf8"));
    const time = Number(fields[10]) + Number(fields[11]);
    return { name: stat[1] ?? "", state: stat[2] ?? "", time, command, memory };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
