// SPDX-License-Identifier: Apache-2.0
// The one line about etcd that `status` shows.
import type { KvstoreStatus } from "../../types.ts";
import type { EtcdClient } from "./client.ts";
import type { EtcdEndpoint } from "./endpoint.ts";

/** `etcd: 1/1 connected, leases=1, has-quorum=true: http://127.0.0.1:2379 - 3.4.23 (Leader)`. */
export function describeStatus(client: EtcdClient, leases: number): KvstoreStatus {
  const { endpoints } = client;
  const up = client.connected ? endpoints.filter(({ state }) => state.kind !== "down").length : 0;
  const quorum = up > 0 && endpoints.some(({ state }) => state.kind === "up" && state.hasLeader);
  const details = endpoints.map(describeEndpoint).join("; ");
  const message = `etcd: ${up}/${endpoints.length} connected, leases=${leases}, has-quorum=${quorum}: ${details}`;
  const state = up === 0 || !quorum ? "Failure" : up < endpoints.length ? "Warning" : "Ok";
  return { state, message, connected: up > 0 };
}

function describeEndpoint({ url, state }: EtcdEndpoint): string {
  switch (state.kind) {
    case "unknown":
      return `${url} - connecting`;
    case "up":
      return `${url} - ${state.version}${state.leader ? " (Leader)" : ""}`;
    case "down":
      return `${url} - ${state.reason}`;
  }
}
