// SPDX-License-Identifier: Apache-2.0
// One watch stream: created, checked against the store's history, and read until it breaks or is no longer wanted.
import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { etcdpb } from "../../../protos/index.ts";
import type { BackendWatchOptions } from "../../backend-types.ts";
import { KvCompactedError, KvstoreError } from "../../errors.ts";
import type { KvBatch, KvEvent } from "../../types.ts";
import type { EtcdClient } from "./client.ts";
import { prefixRange, toEvent, toKvError } from "./convert.ts";

/** Ends quietly when the signal aborts; throws KvCompactedError or KvstoreError otherwise. */
export async function* watchPrefix(
  client: EtcdClient,
  prefix: string,
  { fromRevision, signal }: BackendWatchOptions,
): AsyncGenerator<KvBatch, void> {
  const what = `watch "${prefix}"`;
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, client.closing, ended.signal]);
  let pending: KvEvent[] = [];
  try {
    for await (const response of openStream(client, requests(prefix, fromRevision, stop), stop, what)) {
      if (response.compactRevision > 0n) throw new KvCompactedError(prefix, fromRevision ?? 0n);
      if (response.canceled) {
        throw new KvstoreError(`Cannot ${what}: ${response.cancelReason || "cancelled"}`, { code: "REFUSED" });
      }
      const revision = response.header?.revision ?? 0n;
      if (response.created) checkHistory(prefix, fromRevision, revision);
      for (const event of response.events) {
        const known = toEvent(event);
        if (known !== undefined) pending.push(known);
      }
      if (response.fragment || pending.length === 0) continue;
      const events = pending;
      pending = [];
      yield { events, revision };
    }
  } finally {
    ended.abort();
  }
}

/** A store behind the revision asked for was wiped or put back: waiting for that revision would miss all until then. */
function checkHistory(prefix: string, fromRevision: bigint | undefined, revision: bigint): void {
  if (fromRevision !== undefined && revision + 1n < fromRevision) throw new KvCompactedError(prefix, fromRevision);
}

async function* openStream(
  client: EtcdClient,
  input: AsyncIterable<etcdpb.WatchRequest>,
  signal: AbortSignal,
  what: string,
): AsyncGenerator<etcdpb.WatchResponse, void> {
  const endpoint = client.current();
  // The stream itself has no end; that it comes about at all has a limit.
  const opening = new AbortController();
  const limit = setTimeout(() => opening.abort(KvstoreError.unavailable(what)), client.options.operationMs);
  const stop = AbortSignal.any([signal, opening.signal]);
  try {
    await client.authenticate();
    for await (const response of endpoint.clients.watch.watch(input, { signal: stop, timeoutMs: 0 })) {
      clearTimeout(limit);
      client.answered();
      yield response;
    }
    if (!signal.aborted) throw KvstoreError.unavailable(what, new Error("the stream ended"));
  } catch (thrown) {
    if (signal.aborted) return;
    if (opening.signal.aborted) client.failed(endpoint, ConnectError.from(new ConnectError("no answer in time", 14)));
    const error = ConnectError.from(thrown);
    client.tokenRefused(error);
    if (!(thrown instanceof KvCompactedError)) client.failed(endpoint, error);
    throw toKvError(thrown, what);
  } finally {
    clearTimeout(limit);
  }
}

/** The requests of one watch: one that creates it; the stream stays open until the watch ends. */
async function* requests(
  prefix: string,
  fromRevision: bigint | undefined,
  stop: AbortSignal,
): AsyncGenerator<etcdpb.WatchRequest, void> {
  const createRequest = create(etcdpb.WatchCreateRequestSchema, {
    ...prefixRange(prefix),
    startRevision: fromRevision ?? 0n,
    progressNotify: true,
    fragment: true,
  });
  yield create(etcdpb.WatchRequestSchema, { requestUnion: { case: "createRequest", value: createRequest } });
  if (stop.aborted) return;
  await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
}
