// SPDX-License-Identifier: Apache-2.0
// GET /cgroup-dump-metadata: the cgroups of the pods on this node, found by their containers' ids.
import { type Dirent, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { AgentApi, CgroupPodMetadata } from "../../../src/api/index.ts";
import type { ReadonlyTable } from "../../../src/core/index.ts";
import { type EndpointRow, endpointAddresses } from "../../../src/endpoint/index.ts";
import { cgroupIdOf, cgroupRoot } from "../../../src/kernel/index.ts";

/** Deeper groups are inside of containers. */
const maxDepth = 6;
/** Runtimes name a container's group by its id, with words around it: `cri-containerd-ID.scope`, `docker-ID.scope`. */
const containerId = /(?:^|[-:])([^-:]+?)(?:\.scope)?$/;

export function createCgroupCalls(endpoints: ReadonlyTable<EndpointRow, number>): Pick<AgentApi, "cgroups"> {
  return {
    cgroups() {
      const groups = new Map<string, string>();
      collect(cgroupRoot(), 0, groups);
      const pods = Map.groupBy(
        [...endpoints.all()].filter(({ podName }) => podName !== ""),
        ({ podNamespace, podName }) => `${podNamespace}/${podName}`,
      );
      return { "pod-metadatas": Array.from(pods.values(), (rows) => toPod(rows, groups)) };
    },
  };
}

function toPod(rows: readonly EndpointRow[], groups: ReadonlyMap<string, string>): CgroupPodMetadata {
  const [first] = rows;
  const paths = rows.flatMap((row) => groups.get(row.containerId) ?? []);
  return {
    name: first?.podName ?? "",
    namespace: first?.podNamespace ?? "",
    containers: paths.map((path) => ({ "cgroup-id": Number(cgroupIdOf(path)), "cgroup-path": path })),
    ips: rows.flatMap(endpointAddresses),
  };
}

/** Groups by the id that their names hold. */
function collect(directory: string, depth: number, groups: Map<string, string>): void {
  const id = containerId.exec(basename(directory))?.[1];
  if (id !== undefined && depth > 0) groups.set(id, directory);
  if (depth === maxDepth) return;
  for (const entry of foldersIn(directory)) collect(join(directory, entry.name), depth + 1, groups);
}

/** A group may go while its parent is read. */
function foldersIn(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
