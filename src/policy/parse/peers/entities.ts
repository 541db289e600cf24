// SPDX-License-Identifier: Apache-2.0
// fromEntities and toEntities: peers that have a name of their own.
import { clusterKey } from "../../names.ts";
import { makeSelector } from "../../selectors/selector.ts";
import type { Requirement, Selector } from "../../types.ts";
import type { PeerKind } from "./types.ts";

type Expand = (localCluster: string) => readonly Selector[];

/** What both `cluster` and `cluster-mesh` hold beside pods. */
const clusterParts = ["host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver"];

const expansions: ReadonlyMap<string, Expand> = new Map<string, Expand>([
  ["all", () => [makeSelector([])]],
  ["world", () => reserved("world", "world-ipv4", "world-ipv6")],
  ["world-ipv4", () => reserved("world-ipv4")],
  ["world-ipv6", () => reserved("world-ipv6")],
  ["cluster", (name) => [...reserved(...clusterParts), pods({ operator: "In", values: [name] })]],
  ["cluster-mesh", () => [...reserved(...clusterParts), pods({ operator: "Exists", values: [] })]],
  ...[...clusterParts, "none"].map((name): [string, Expand] => [name, () => reserved(name)]),
]);

export const entities = {
  field: { ingress: "fromEntities", egress: "toEntities" },
  deniable: true,
  parse: (node, { localCluster }) =>
    node.items().flatMap((item) => {
      const expand = expansions.get(item.string("bad-entity"));
      if (expand === undefined) throw item.fail("bad-entity", `one of ${[...expansions.keys()].join(", ")}`);
      return expand(localCluster);
    }),
} satisfies PeerKind;

function reserved(...names: readonly string[]): readonly Selector[] {
  return names.map((key) => makeSelector([{ source: "reserved", key, operator: "In", values: [""] }]));
}

/** Pods of a cluster, or of any. */
function pods(condition: Pick<Requirement, "operator" | "values">): Selector {
  return makeSelector([{ source: "k8s", key: clusterKey, ...condition }]);
}
