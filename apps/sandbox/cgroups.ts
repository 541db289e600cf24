// SPDX-License-Identifier: Apache-2.0
// Control groups of a sandbox: every process it starts is in one, so that delete finds them all.
import { join } from "node:path";
import { cgroupRoot } from "../../src/kernel/index.ts";
import type { PodRecord } from "./types.ts";

/** The group above all of a sandbox. */
export const sandboxCgroup = (name: string): string => join(cgroupRoot(), "cilium-sandbox", name);
export const underlayCgroup = (name: string): string => join(sandboxCgroup(name), "underlay");
/** What agents get as --cgroup-root. */
export const nodeCgroup = (name: string, node: string): string => join(sandboxCgroup(name), node);
/** Agents and commands of `sandbox node`; pods are beside it. */
export const agentCgroup = (name: string, node: string): string => join(nodeCgroup(name, node), "agent");
/** Named by the container's id at its end, as runtimes name theirs: that is how the agent finds it. */
export const podCgroup = (sandbox: string, { node, namespace, name, containerId }: PodRecord): string =>
  join(nodeCgroup(sandbox, node), "pods", `${namespace}_${name}-${containerId}`);
