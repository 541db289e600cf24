// SPDX-License-Identifier: Apache-2.0
// Objects in the nodes' static-resources folders: how agents learn of namespaces, nodes, services and policies.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ResourceRow } from "../../src/kubernetes/index.ts";
import { writeJson } from "./files.ts";
import { sandboxPaths } from "./paths.ts";
import { objectFile } from "./store.ts";
import type { Sandbox } from "./types.ts";

/** Gives the object to every node's agent. */
export function publish(sandbox: Sandbox, row: ResourceRow): void {
  for (const path of files(sandbox, row)) writeJson(path, row.object);
}

/** Takes it away from them. */
export function withdraw(sandbox: Sandbox, row: ResourceRow): void {
  for (const path of files(sandbox, row)) rmSync(path, { force: true });
}

function files(sandbox: Sandbox, row: ResourceRow): string[] {
  const paths = sandboxPaths(sandbox.name);
  return sandbox.nodes.map((node) => join(paths.node(node.name).staticResources, objectFile(row)));
}
