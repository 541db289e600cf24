// SPDX-License-Identifier: Apache-2.0
// Routes to the pod prefixes of other nodes.
import { createLogger, type Module, type ReadonlyTable, toError } from "../../src/core/index.ts";
import type { Datapath, RemoteNode } from "../../src/datapath/index.ts";
import { type NodeRow, nodeAddress, nodeKey } from "../../src/node/index.ts";

const log = createLogger("node-routes");

export interface NodeRoutes extends Module {
  /** Gives routes to the pods of these nodes (`cluster/name`) a smaller MTU than all have. */
  narrow(mtus: ReadonlyMap<string, number>): void;
}

/** To be started with the nodes; `datapath` writes the routes. */
export function createNodeRoutes(
  nodes: ReadonlyTable<NodeRow, string>,
  datapath: Pick<Datapath, "setRemoteNodes">,
): NodeRoutes {
  let watch: Disposable | undefined;
  let narrow: ReadonlyMap<string, number> = new Map();
  const apply = () => {
    const remote = [...nodes.all()]
      .filter(({ source }) => source !== "local")
      .map((node): RemoteNode => {
        const routeMtu = narrow.get(nodeKey(node));
        const [ipv4, ipv6] = ([4, 6] as const).map((family) => nodeAddress(node, "InternalIP", family));
        return { ...node, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }), ...(routeMtu && { routeMtu }) };
      });
    datapath.setRemoteNodes(remote).catch((thrown: unknown) => {
      log.error("Cannot set routes to other nodes, trying again with the next check", {
        error: toError(thrown).message,
      });
    });
  };
  return {
    name: "node-routes",
    async start(signal) {
      // Before all nodes are known, routes of an earlier run stay.
      nodes.initialized(signal).then(
        () => {
          apply();
          watch = nodes.onChange(apply);
        },
        () => log.debug("Stopped before the nodes were known"),
      );
    },
    async stop() {
      watch?.[Symbol.dispose]();
    },
    narrow(mtus) {
      narrow = mtus;
      if (watch !== undefined) apply();
    },
  };
}
