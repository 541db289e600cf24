// SPDX-License-Identifier: Apache-2.0
// Which tables are served: one file a group, one line a table. Names are Cilium's where it has the table.
import type { Config, Health, ReadonlyTable } from "../../../src/core/index.ts";
import type { Datapath } from "../../../src/datapath/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import type { HealthRow } from "../../../src/health/index.ts";
import type { IdentityRow } from "../../../src/identity/index.ts";
import type { Ipam } from "../../../src/ipam/index.ts";
import type { IpcacheRow, NodeAddressRow } from "../../../src/ipcache/index.ts";
import type { ResourceRow } from "../../../src/kubernetes/index.ts";
import type { NodeRow } from "../../../src/node/index.ts";
import type { PolicyEngine, PolicyRow } from "../../../src/policy/index.ts";
import type { NatUse } from "../nat-use.ts";
import { clusterTables } from "./cluster.ts";
import { kernelTables } from "./kernel.ts";
import { nodeTables } from "./node.ts";
import type { ServedTable } from "./types.ts";

export interface StatedbDeps {
  readonly config: Config;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
  readonly nodes: ReadonlyTable<NodeRow, string>;
  readonly nodeAddresses: ReadonlyTable<NodeAddressRow, string>;
  readonly policies: ReadonlyTable<PolicyRow, string>;
  readonly resources: ReadonlyTable<ResourceRow, string>;
  /** Undefined where nodes are not probed. */
  readonly nodeHealth: ReadonlyTable<HealthRow, string> | undefined;
  readonly ipam: Pick<Ipam, "list">;
  readonly engine: Pick<PolicyEngine, "selectors">;
  readonly datapath: Pick<Datapath, "status" | "mtu">;
  readonly natUse: Pick<NatUse, "top">;
  readonly modules: () => ReadonlyMap<string, Health>;
}

export function statedbTables(deps: StatedbDeps): readonly ServedTable[] {
  return [...nodeTables(deps), ...clusterTables(deps), ...kernelTables(deps)].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}
