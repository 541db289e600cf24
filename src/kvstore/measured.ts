// SPDX-License-Identifier: Apache-2.0
// Times what a connection is asked for.
import type { Metrics } from "../core/index.ts";
import type { BackendConnection, BackendWrite } from "./backend-types.ts";
import type { KvCompare } from "./types.ts";

/** The same connection; each question and write is timed, by what it is about (`identities/v1`). */
export function measured(connection: BackendConnection, metrics: Metrics): BackendConnection {
  const seconds = metrics.histogram({
    name: "kvstore_operations_duration_seconds",
    help: "Seconds from an operation of the key-value store to its answer",
    labels: ["action", "kind", "outcome", "scope"],
  });
  const timed = async <T>(action: string, kind: string, key: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const done = (outcome: "success" | "fail") =>
      seconds.observe((performance.now() - started) / 1000, { action, kind, outcome, scope: scopeOf(key) });
    try {
      const result = await work();
      done("success");
      return result;
    } catch (error) {
      done("fail");
      throw error;
    }
  };
  return {
    name: connection.name,
    get: (key) => timed("Get", "read", key, () => connection.get(key)),
    list: (prefix) => timed("ListPrefix", "read", prefix, () => connection.list(prefix)),
    deletePrefix: (prefix) => timed("DeletePrefix", "delete", prefix, () => connection.deletePrefix(prefix)),
    txn(compares, writes) {
      const { action, kind } = writeOf(compares, writes);
      return timed(action, kind, writes[0]?.key ?? "", () => connection.txn(compares, writes));
    },
    watch: (prefix, options) => connection.watch(prefix, options),
    leaseGrant: (ttl) => connection.leaseGrant(ttl),
    leaseKeepAlive: (lease) => connection.leaseKeepAlive(lease),
    leaseRevoke: (lease) => connection.leaseRevoke(lease),
    connected: (signal) => connection.connected(signal),
    onReconnect: (listener) => connection.onReconnect(listener),
    status: (leases) => connection.status(leases),
    close: () => connection.close(),
  };
}

/** Cilium's words for a transaction: by its first write. */
function writeOf(compares: readonly KvCompare[], writes: readonly BackendWrite[]): { action: string; kind: string } {
  if (writes[0]?.kind === "delete") return { action: "Delete", kind: "delete" };
  if (compares.some(({ kind }) => kind === "absent")) return { action: "CreateOnly", kind: "create" };
  return { action: "Update", kind: "set" };
}

/** `cilium/state/identities/v1/id/300` is of `identities/v1`. Other keys have one scope: there must not be one a key. */
export function scopeOf(key: string): string {
  return /^cilium\/(?:state|cache)\/([\w-]+\/v\d+)\//.exec(`${key}/`)?.[1] ?? "other";
}
