// SPDX-License-Identifier: Apache-2.0
// What removing the datapath takes and tells.
import type { SlavePlace } from "../ipvlan/slaves.ts";

/** What to remove of the node that the process is on. */
export interface CleanupOptions {
  readonly bpfRoot: string;
  /** The file of `DatapathConfig.machineRecord`; without it, sysctls and the bpffs mount stay as they are. */
  readonly machineRecord?: string;
  /** Host sides of pods' devices that are known to be ours. */
  readonly podDevices?: readonly { readonly name: string; readonly ifindex: number }[];
  /** Devices of ipvlan pods. */
  readonly podSlaves?: readonly SlavePlace[];
  /** "bpf": links, programs, maps only. */
  readonly scope: "all" | "bpf";
}

export interface CleanupItem {
  readonly kind: "link" | "filter" | "pin" | "map" | "program" | "device" | "route" | "sysctl" | "mount" | "folder";
  readonly name: string;
}

export interface CleanupRest extends CleanupItem {
  readonly why: string;
  /** It is off the machine's hooks and folders, but a process keeps it in the kernel. */
  readonly held?: boolean;
}

export interface CleanupReport {
  readonly removed: readonly CleanupItem[];
  /** What is or was ours and is still there. */
  readonly remaining: readonly CleanupRest[];
}
