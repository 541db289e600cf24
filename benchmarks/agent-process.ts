// SPDX-License-Identifier: Apache-2.0
// What the kernel says of an agent's process.
import { readFileSync } from "node:fs";
import { agentProcess, nodeOf, type Sandbox } from "../apps/sandbox/index.ts";

/** Throws when the node's agent does not run. */
export function agentPid(sandbox: Sandbox, node: string): number {
  const pid = agentProcess(sandbox, nodeOf(sandbox, node))?.pid;
  if (pid === undefined) throw new Error(`Cannot measure: the agent of "${node}" does not run`);
  return pid;
}

/** Resident memory in MB of 1,000,000 bytes. */
export function residentMegabytes(pid: number): number {
  const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
}

/** Processor time so far, in user space and the kernel, in ticks of 10 ms. */
export function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
