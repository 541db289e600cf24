// SPDX-License-Identifier: Apache-2.0
// What a sandbox is made of, as its files under /run/cilium-sandbox/NAME hold it.

/** A process that survives the command that started it. The start time guards against a re-used pid. */
export interface ProcessRef {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly startTime: string;
}

/** A node: a network namespace with its own agent. */
export interface SandboxNode {
  readonly name: string;
  /** 1 for "node1". */
  readonly index: number;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly ipv4PodCidr?: string;
  readonly ipv6PodCidr?: string;
}

export interface Sandbox {
  readonly format: "cilium-sandbox/1";
  readonly name: string;
  /** Which part of the underlay range is its own, 0 to 15. */
  readonly index: number;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** `--set`: agents' configuration keys. */
  readonly settings: Readonly<Record<string, string>>;
  readonly nodes: readonly SandboxNode[];
  readonly createdAt: string;
}

export interface ContainerRecord {
  readonly name: string;
  /** The shell that runs (and restarts) the command; undefined for a container without one. */
  readonly process?: ProcessRef;
}

/** A pod that was placed on a node. `pod.json` in its folder. */
export interface PodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** The object as its node's agent sees it. */
  readonly object: Readonly<Record<string, unknown>>;
  /** Name of the Deployment that made it. */
  readonly owner?: string;
  readonly containerId: string;
  /** Canonical addresses that the CNI plugin gave; empty while it has not. */
  readonly ips: readonly string[];
  /** Result of CNI ADD, for CHECK and DEL. */
  readonly cniResult?: unknown;
  /** Holds the pod's namespaces. */
  readonly pause?: ProcessRef;
  readonly containers: readonly ContainerRecord[];
  /** Why it could not be started. */
  readonly failure?: string;
  readonly createdAt: string;
}
