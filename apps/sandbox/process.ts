// SPDX-License-Identifier: Apache-2.0
// Processes that live on after the command that started them.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { createCgroup, withNetns } from "../../src/kernel/index.ts";
import { SandboxError } from "./errors.ts";
import type { ProcessRef } from "./types.ts";
import { waitFor } from "./wait.ts";

export interface Spawn {
  /** Path of the namespace it starts in. */
  readonly netns: string;
  /** Made when it is not there; the process joins it before it becomes `command`. */
  readonly cgroup: string;
  readonly command: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const joinCgroup = 'echo 0 > "$0/cgroup.procs" && exec "$@"';

/** Starts a process in a session of its own; stdout and stderr are appended to `log`. */
export function spawnDetached(options: Spawn & { readonly log: string }): ProcessRef {
  mkdirSync(dirname(options.log), { recursive: true });
  const log = openSync(options.log, "a", 0o640);
  try {
    const child = spawnIn(options, { detached: true, stdio: ["ignore", log, log] });
    child.unref();
    const { pid } = child;
    const startTime = pid === undefined ? undefined : startTimeOf(pid);
    if (pid === undefined || startTime === undefined) {
      throw new SandboxError(`Cannot start "${options.command[0]}": it ended at once (see ${options.log})`);
    }
    return { pid, startTime };
  } finally {
    closeSync(log);
  }
}

/** Starts a process that belongs to this command. */
export function spawnIn(
  options: Spawn,
  how: { detached?: boolean; stdio: "inherit" | ("ignore" | "inherit" | "pipe" | number)[] },
): ChildProcess {
  createCgroup(options.cgroup);
  const child = withNetns(options.netns, () =>
    spawn("/bin/sh", ["-c", joinCgroup, options.cgroup, ...options.command], {
      env: options.env,
      cwd: options.cwd ?? "/",
      ...how,
    }),
  );
  return child;
}

/** When the process started; undefined when there is none, or only its zombie. */
function startTimeOf(pid: number): string | undefined {
  const fields = statOf(pid);
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}

/** Fields of /proc/PID/stat from the third (state) on: the name before them may hold anything. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Whether it is still that very process. */
export function isAlive(process: ProcessRef | undefined): process is ProcessRef {
  return process !== undefined && startTimeOf(process.pid) === process.startTime;
}

/** Sends a signal if it is still that process; false when it is gone. */
export function signal(ref: ProcessRef, name: NodeJS.Signals): boolean {
  if (!isAlive(ref)) return false;
  try {
    process.kill(ref.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** SIGTERM, and SIGKILL after `grace` ms; returns when it is gone. */
export async function terminate(ref: ProcessRef, grace: number): Promise<void> {
  signal(ref, "SIGTERM");
  if (await waitFor(() => !isAlive(ref), grace)) return;
  signal(ref, "SIGKILL");
  if (!(await waitFor(() => !isAlive(ref), 10_000))) {
    throw new SandboxError(
      `Cannot end process ${ref.pid}: it is still there 10 s after SIGKILL (see /proc/${ref.pid}/stack)`,
    );
  }
}

/** TCP ports listened on in the namespace of a process. */
export function listeningPorts(pid: number): Set<number> {
  const ports = new Set<number>();
  for (const file of ["tcp", "tcp6"]) {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/net/${file}`, "utf8");
    } catch {
      continue;
    }
    for (const line of text.split("\n").slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/);
      const port = local?.split(":")[1];
      if (state === "0A" && port !== undefined) ports.add(Number.parseInt(port, 16));
    }
  }
  return ports;
}

/** SIGKILL to whatever has the pid; a pid that nobody has is fine. */
export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
