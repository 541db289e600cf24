// SPDX-License-Identifier: Apache-2.0
// The calls about identities, addresses and nodes.
import { createHash } from "node:crypto";
import type { AgentApi, Identity, IPListEntry } from "../../../src/api/index.ts";
import { cidrContains, parseCidr, type ReadonlyTable } from "../../../src/core/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import type { IdentityRow } from "../../../src/identity/index.ts";
import type { IpcacheRow, NodeAddressRow } from "../../../src/ipcache/index.ts";
import type { NodeRow } from "../../../src/node/index.ts";
import { hasLabels } from "./labels.ts";
import { NodeClients } from "./node-clients.ts";
import { toNodeModel } from "./node-model.ts";
import { withStatus } from "./with-status.ts";

export interface IdentityApiDeps {
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
  readonly nodes: ReadonlyTable<NodeRow, string>;
  readonly nodeAddresses: ReadonlyTable<NodeAddressRow, string>;
  /** "cluster/node". */
  readonly self: string;
}

type IdentityCalls = Pick<
  AgentApi,
  "listIdentities" | "getIdentity" | "identityEndpoints" | "listIps" | "nodes" | "nodeIds"
>;

export function createIdentityCalls(deps: IdentityApiDeps): IdentityCalls {
  const clients = new NodeClients();
  return {
    listIdentities: (labels) =>
      [...deps.identities.all()]
        .filter(hasLabels(labels))
        .sort((a, b) => a.id - b.id)
        .map(toIdentity),
    getIdentity(id) {
      const row = deps.identities.get(id);
      return row === undefined ? undefined : toIdentity(row);
    },
    identityEndpoints() {
      const counts = new Map<number, number>();
      for (const { identity } of deps.endpoints.all()) {
        if (identity !== undefined) counts.set(identity, (counts.get(identity) ?? 0) + 1);
      }
      return [...counts]
        .sort(([a], [b]) => a - b)
        .flatMap(([id, refCount]) => {
          const row = deps.identities.get(id);
          return row === undefined ? [] : [{ identity: toIdentity(row), refCount }];
        });
    },
    listIps({ cidr, labels }) {
      const within = cidr === undefined ? undefined : withStatus(() => parseCidr(cidr));
      const wanted = hasLabels(labels);
      const matches = (row: IdentityRow | undefined) => row !== undefined && wanted(row);
      return [...deps.ipcache.all()]
        .filter((row) => within === undefined || cidrContains(within, parseCidr(row.prefix)))
        .filter((row) => labels.length === 0 || matches(deps.identities.get(row.identity)))
        .map(toIp);
    },
    nodes: (client) => {
      const all = [...deps.nodes.all()].map(toNodeModel).sort((a, b) => (a.name < b.name ? -1 : 1));
      return clients.answer(client, deps.self, all);
    },
    nodeIds: () =>
      Array.from(
        Map.groupBy(deps.nodeAddresses.all(), ({ nodeId }) => nodeId),
        ([id, rows]) => ({ id, ips: rows.map(({ address }) => address).sort() }),
      ).sort((a, b) => a.id - b.id),
  };
}

function toIdentity(row: IdentityRow): Identity {
  // Despite the field's name: SHA-512/256 of the labels as they stand in the key-value store.
  const labelsSHA256 = createHash("sha512-256").update(row.labels.canonical).digest("hex");
  return { id: row.id, labels: row.labels.toStrings(), labelsSHA256 };
}

function toIp(row: IpcacheRow): IPListEntry {
  return {
    cidr: row.prefix,
    identity: row.identity,
    ...(row.hostIp === undefined ? {} : { hostIP: row.hostIp }),
    encryptKey: row.encryptKey,
    metadata: { source: row.source, ...row.metadata },
  };
}
