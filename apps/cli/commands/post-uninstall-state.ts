// SPDX-License-Identifier: Apache-2.0
// The agent's state folder, for its removal: what of it is ours, and what it says about pods' devices.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { toError } from "../../../src/core/index.ts";
import { deleteNetns } from "../../../src/kernel/index.ts";

/** What agent, CNI plugin and Docker plug-in put there; anything else is somebody else's. */
const ours = [
  /^state$/,
  /^policy$/,
  /^manifests$/,
  /^deleteQueue$/,
  /^netns$/,
  /^docker$/,
  // And what an end at the wrong moment leaves of replacing them.
  /^(\.prefilter\.tmp|prefilter(\.tmp)?)$/,
  /^(\.machine\.json\.tmp|machine\.json(\.tmp)?)$/,
  /^cilium\.pid(\.room)?$/,
  /^(cilium|cni|health|shell)\.sock$/,
  /^monitor1_2\.sock$/,
];
const lockFile = "cilium.pid";

export interface StateItem {
  readonly kind: "file" | "folder";
  readonly name: string;
}

/** The record of what the machine was before, in a state folder. */
export function machineRecordPath(stateDir: string): string {
  return join(stateDir, "machine.json");
}

/** Host-side devices of stored endpoints; a file that cannot be understood names none. */
export function podDevices(stateDir: string): { name: string; ifindex: number }[] {
  return storedEndpoints(stateDir).flatMap(({ interfaceName, ifindex }) =>
    typeof interfaceName === "string" && typeof ifindex === "number" ? [{ name: interfaceName, ifindex }] : [],
  );
}

/** Devices of stored endpoints that are ipvlan slaves, in their pods. */
export function podSlaves(stateDir: string): { netnsPath: string; interfaceName: string }[] {
  return storedEndpoints(stateDir).flatMap(({ netnsPath, containerInterfaceName: interfaceName, traits }) => {
    const isSlave = typeof traits === "object" && traits !== null && "ipvlan" in traits;
    return isSlave && typeof netnsPath === "string" && typeof interfaceName === "string"
      ? [{ netnsPath, interfaceName }]
      : [];
  });
}

function storedEndpoints(stateDir: string): Record<string, unknown>[] {
  const root = join(stateDir, "state");
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((id) => {
    try {
      return [JSON.parse(readFileSync(join(root, id, "endpoint.json"), "utf8")) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
}

/** Paths of ours in the folder. */
export function stateFiles(stateDir: string): string[] {
  if (!existsSync(stateDir)) return [];
  return readdirSync(stateDir)
    .filter((name) => ours.some((pattern) => pattern.test(name)))
    .map((name) => join(stateDir, name));
}

/** Removes them, and the folder if nothing of others is in it. The caller's lock goes last. */
export function removeState(stateDir: string): {
  removed: StateItem[];
  remaining: (StateItem & { why: string })[];
} {
  const removed: StateItem[] = [];
  const remaining: (StateItem & { why: string })[] = [];
  const paths = stateFiles(stateDir).toSorted((a, b) => Number(a.endsWith(lockFile)) - Number(b.endsWith(lockFile)));
  for (const name of paths) {
    try {
      // The health endpoint's namespace is a mount.
      if (name.endsWith("/netns")) for (const netns of readdirSync(name)) deleteNetns(join(name, netns));
      rmSync(name, { recursive: true });
      removed.push({ kind: "file", name });
    } catch (error) {
      remaining.push({ kind: "file", name, why: toError(error).message });
    }
  }
  if (!existsSync(stateDir)) return { removed, remaining };
  const others = readdirSync(stateDir);
  if (others.length === 0) {
    rmdirSync(stateDir);
    removed.push({ kind: "folder", name: stateDir });
  }
  return { removed, remaining };
}
