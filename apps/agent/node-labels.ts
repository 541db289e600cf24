// SPDX-License-Identifier: Apache-2.0
// The labels of this node's Node object, which all nodes get to know.
import {
  type Config,
  checkKubernetesLabel,
  createLogger,
  type Module,
  type ReadonlyTable,
  toError,
} from "../../src/core/index.ts";
import { type ResourceRow, resourceId } from "../../src/kubernetes/index.ts";
import type { Cluster } from "./cluster.ts";
import { options } from "./options.ts";

const log = createLogger("node-labels");

export interface NodeLabelsDeps {
  readonly config: Config;
  readonly resources: ReadonlyTable<ResourceRow, string>;
  readonly cluster: Pick<Cluster, "setNodeLabels">;
}

/** Follows the object; bad labels change nothing. */
export function createNodeLabels({ config, resources, cluster }: NodeLabelsDeps): Module {
  const id = resourceId("Node", "", config.get(options.nodeName));
  let watch: Disposable | undefined;
  const refresh = () => {
    const labels = labelsOfNode(resources.get(id));
    try {
      // Others would refuse the whole node.
      for (const [key, value] of Object.entries(labels)) checkKubernetesLabel(key, value);
      cluster.setNodeLabels(labels);
    } catch (thrown) {
      log.error("Cannot announce the labels of this node, its old ones stay", { error: toError(thrown).message });
    }
  };
  return {
    name: "node-labels",
    async start() {
      refresh();
      watch = resources.onChange((batch) => {
        if (batch.some(({ row }) => row.id === id)) refresh();
      });
    },
    async stop() {
      watch?.[Symbol.dispose]();
    },
  };
}

/** The labels of a Node object; none when it is not there. */
export function labelsOfNode(node: ResourceRow | undefined): Readonly<Record<string, string>> {
  const metadata = (node?.object.metadata ?? {}) as { readonly labels?: Readonly<Record<string, string>> | null };
  return metadata.labels ?? {};
}
