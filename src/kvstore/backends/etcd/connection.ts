// SPDX-License-Identifier: Apache-2.0
// The primitive operations of the session in etcd's terms.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { etcdpb, type kvpb } from "../../../protos/index.ts";
import type { BackendConnection, BackendTxnResult, BackendWatchOptions, BackendWrite } from "../../backend-types.ts";
import { KvstoreError } from "../../errors.ts";
import type { KvBatch, KvCompare, KvEntry, KvList, KvstoreStatus } from "../../types.ts";
import type { EtcdClient } from "./client.ts";
import { isCompacted, nextKey, prefixRange, toBytes, toCompare, toEntry, toRequestOp } from "./convert.ts";
import { describeStatus } from "./status.ts";
import { watchPrefix } from "./watch.ts";

/** The etcd backend's connection; owns the client. */
export class EtcdConnection implements BackendConnection {
  readonly name = "etcd";
  readonly #client: EtcdClient;

  constructor(client: EtcdClient) {
    this.#client = client;
  }

  connected(signal: AbortSignal): Promise<void> {
    return this.#client.firstAnswer(signal);
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const request = create(etcdpb.RangeRequestSchema, { key: toBytes(key) });
    const answer = await this.#client.call(`get "${key}"`, { idempotent: true }, (clients, options) =>
      clients.kv.range(request, options),
    );
    const [kv] = answer.kvs;
    return kv === undefined ? undefined : toEntry(kv);
  }

  async list(prefix: string): Promise<KvList> {
    for (let tries = 3; ; tries--) {
      try {
        return await this.#listAtOneRevision(prefix);
      } catch (error) {
        // The revision of the first page was compacted before the last page came.
        if (!isCompacted(error)) throw error;
        if (tries === 1) throw KvstoreError.unavailable(`list "${prefix}"`, error);
      }
    }
  }

  async txn(compares: readonly KvCompare[], writes: readonly BackendWrite[]): Promise<BackendTxnResult> {
    const request = create(etcdpb.TxnRequestSchema, {
      compare: compares.map(toCompare),
      success: writes.map(toRequestOp),
    });
    // Without conditions, doing it twice is doing it once.
    const idempotent = compares.length === 0;
    // What is taken under conditions, such as an identity, a pod waits for.
    const urgent = !idempotent && writes.some(({ kind }) => kind === "put");
    const how = { idempotent, urgent };
    const answer = await this.#client.call(`write "${writes[0]?.key ?? ""}"`, how, (clients, options) =>
      clients.kv.txn(request, options),
    );
    let deleted = 0n;
    for (const { response } of answer.responses) {
      if (response.case === "responseDeleteRange") deleted += response.value.deleted;
    }
    const { succeeded, header } = answer;
    return { succeeded, revision: header?.revision ?? 0n, deleted: Number(deleted) };
  }

  async deletePrefix(prefix: string): Promise<number> {
    const request = create(etcdpb.DeleteRangeRequestSchema, prefixRange(prefix));
    const answer = await this.#client.call(`delete "${prefix}"`, { idempotent: true }, (clients, options) =>
      clients.kv.deleteRange(request, options),
    );
    return Number(answer.deleted);
  }

  watch(prefix: string, options: BackendWatchOptions): AsyncIterableIterator<KvBatch> {
    return watchPrefix(this.#client, prefix, options);
  }

  async leaseGrant(ttl: number): Promise<bigint> {
    const request = create(etcdpb.LeaseGrantRequestSchema, { TTL: BigInt(Math.max(1, Math.ceil(ttl))) });
    const options = { idempotent: true, unlimited: true };
    const answer = await this.#client.call("grant lease", options, (clients, call) =>
      clients.lease.leaseGrant(request, call),
    );
    if (answer.error !== "") throw new KvstoreError(`Cannot grant lease: ${answer.error}`, { code: "REFUSED" });
    return answer.ID;
  }

  async leaseKeepAlive(lease: bigint): Promise<boolean> {
    const options = { idempotent: true, unlimited: true };
    return await this.#client.call("renew lease", options, async (clients, call) => {
      // A stream for one exchange: nothing to keep open, nothing to lose.
      for await (const answer of clients.lease.leaseKeepAlive(once(lease), call)) return answer.TTL > 0n;
      throw new ConnectError("the stream ended without an answer", Code.Unavailable);
    });
  }

  async leaseRevoke(lease: bigint): Promise<void> {
    const request = create(etcdpb.LeaseRevokeRequestSchema, { ID: lease });
    const options = { idempotent: true, unlimited: true };
    await this.#client.call("revoke lease", options, (clients, call) => clients.lease.leaseRevoke(request, call));
  }

  onReconnect(listener: () => void): Disposable {
    return this.#client.onReconnect(listener);
  }

  status(leases: number): KvstoreStatus {
    return describeStatus(this.#client, leases);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #listAtOneRevision(prefix: string): Promise<KvList> {
    const items: KvEntry[] = [];
    const { key: first, rangeEnd } = prefixRange(prefix);
    let revision = 0n;
    let limit = this.#client.options.listLimit;
    for (let key = first; ; ) {
      const page = await this.#page(prefix, { key, rangeEnd, revision, limit });
      if (page === "too large") {
        limit = Math.max(1, limit >> 1);
        continue;
      }
      revision = revision === 0n ? (page.header?.revision ?? 0n) : revision;
      for (const kv of page.kvs) items.push(toEntry(kv));
      const last: kvpb.KeyValue | undefined = page.kvs.at(-1);
      if (!page.more || last === undefined) return { items, revision };
      key = nextKey(last.key);
    }
  }

  /** One page; `too large` when fewer keys should be asked for. */
  async #page(
    prefix: string,
    range: { key: Uint8Array; rangeEnd: Uint8Array; revision: bigint; limit: number },
  ): Promise<etcdpb.RangeResponse | "too large"> {
    const request = create(etcdpb.RangeRequestSchema, { ...range, limit: BigInt(range.limit) });
    try {
      return await this.#client.call(`list "${prefix}"`, { idempotent: true }, (clients, options) =>
        clients.kv.range(request, options),
      );
    } catch (error) {
      const cause = error instanceof KvstoreError ? error.cause : undefined;
      const tooLarge = cause instanceof ConnectError && cause.code === Code.ResourceExhausted;
      if (tooLarge && range.limit > 1) return "too large";
      throw error;
    }
  }
}

async function* once(lease: bigint): AsyncGenerator<etcdpb.LeaseKeepAliveRequest, void> {
  yield create(etcdpb.LeaseKeepAliveRequestSchema, { ID: lease });
}
