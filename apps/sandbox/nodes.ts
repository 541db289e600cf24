// SPDX-License-Identifier: Apache-2.0
// Nodes with the labels they have: their own, and those of applied Node objects.
import type { ResourceRow } from "../../src/kubernetes/index.ts";
import { labelsOf } from "./pods/desired.ts";
import type { NodeLoad } from "./pods/schedule.ts";
import type { Sandbox } from "./types.ts";

/** All nodes in order. */
export function nodeLoads(sandbox: Sandbox, objects: readonly ResourceRow[]): NodeLoad[] {
  return sandbox.nodes.map(({ name }) => {
    const object = objects.find((row) => row.kind === "Node" && row.name === name);
    const labels = {
      "kubernetes.io/hostname": name,
      "kubernetes.io/os": "linux",
      ...(object && labelsOf(object.object)),
    };
    return { name, labels };
  });
}
