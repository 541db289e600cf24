// SPDX-License-Identifier: Apache-2.0
// fromNodes and toNodes: other nodes by their labels.
import { scopeNode } from "../scope.ts";
import { parseSelector } from "../selector.ts";
import type { PeerKind } from "./types.ts";

export const nodes = {
  field: { ingress: "fromNodes", egress: "toNodes" },
  deniable: true,
  parse: (node, scope) => {
    const selectors = node.items().map((item) => scopeNode(parseSelector(item), scope));
    if (scope.nodeSelectorLabels) return selectors;
    const problem = `Field "${node.pathText}" is not allowed (set enable-node-selector-labels)`;
    throw node.failWith("nodes-disabled", problem);
  },
} satisfies PeerKind;
