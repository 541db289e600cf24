// SPDX-License-Identifier: Apache-2.0
// The host's endpoint: there when the host firewall is on, with the labels of this node's Node object.
import { type Config, createLogger, Labels, type Module, type ReadonlyTable, toError } from "../../src/core/index.ts";
import type { EndpointManager } from "../../src/endpoint/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { type ResourceRow, resourceId } from "../../src/kubernetes/index.ts";
import { labelsOfNode } from "./node-labels.ts";
import { options } from "./options.ts";

export interface HostEndpointDeps {
  readonly config: Config;
  readonly resources: ReadonlyTable<ResourceRow, string>;
  readonly manager: Pick<EndpointManager, "ensureHost">;
}

const DEVICE = "cilium_host";

/** To be started when the datapath has made its devices, before anything is written to the kernel. */
export function createHostEndpoint({ config, resources, manager }: HostEndpointDeps): Module {
  const log = createLogger("host-endpoint");
  const id = resourceId("Node", "", config.get(options.nodeName));
  let watch: Disposable | undefined;
  const refresh = () => {
    try {
      using rtnl = new Rtnetlink();
      manager.ensureHost(hostLabels(resources.get(id)), { name: DEVICE, ifindex: rtnl.link(DEVICE)?.ifindex ?? 0 });
    } catch (thrown) {
      log.error("Cannot use the labels of this node, its old ones stay", { error: toError(thrown) });
    }
  };
  return {
    name: "host-endpoint",
    async start() {
      if (!config.get(options.enableHostFirewall)) return;
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

/** `reserved:host` and the node's own labels, as nodeSelectors see them. */
export function hostLabels(node: ResourceRow | undefined): Labels {
  const own = Object.entries(labelsOfNode(node)).map(([key, value]) => ({ source: "k8s", key, value }));
  return Labels.of([...own, { source: "reserved", key: "host", value: "" }]);
}
