// SPDX-License-Identifier: Apache-2.0
// Between our types and etcd's messages: text and bytes, conditions, writes, errors.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { etcdpb, type kvpb } from "../../../protos/index.ts";
import type { BackendWrite } from "../../backend-types.ts";
import { KvCompactedError, KvLeaseNotFoundError, KvstoreError } from "../../errors.ts";
import type { KvCompare, KvEntry, KvEvent } from "../../types.ts";

const encoder = new TextEncoder();
// Bytes that are not UTF-8 become U+FFFD: such a value then fails its reader's checks, by name, and nothing else.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8 bytes of a key or value. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** First key and first key behind all that begin with the prefix. */
export function prefixRange(prefix: string): { key: Uint8Array<ArrayBuffer>; rangeEnd: Uint8Array<ArrayBuffer> } {
  const key = toBytes(prefix);
  const rangeEnd = key.slice();
  for (let i = rangeEnd.length - 1; i >= 0; i--) {
    const byte = rangeEnd[i] ?? 0xff;
    if (byte === 0xff) continue;
    rangeEnd[i] = byte + 1;
    return { key, rangeEnd: rangeEnd.slice(0, i + 1) };
  }
  // A single zero byte means: from the key to the very end.
  return { key: key.length === 0 ? new Uint8Array(1) : key, rangeEnd: new Uint8Array(1) };
}

/** The key right behind this one. */
export function nextKey(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** An entry from its message. */
export function toEntry(kv: kvpb.KeyValue): KvEntry {
  return {
    key: decoder.decode(kv.key),
    value: decoder.decode(kv.value),
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    lease: kv.lease,
  };
}

/** An event from its message; undefined for an empty one. */
export function toEvent(event: kvpb.Event): KvEvent | undefined {
  if (event.kv === undefined) return undefined;
  if (event.type === 0) return { kind: "put", entry: toEntry(event.kv) };
  return { kind: "delete", key: decoder.decode(event.kv.key), revision: event.kv.modRevision };
}

/** A condition as its message. */
export function toCompare(compare: KvCompare): etcdpb.Compare {
  const { EQUAL, GREATER, LESS } = etcdpb.Compare_CompareResult;
  const target = etcdpb.Compare_CompareTarget;
  const key = toBytes(compare.key);
  const created = { targetUnion: { case: "createRevision", value: 0n } } as const;
  switch (compare.kind) {
    case "absent":
      return create(etcdpb.CompareSchema, { key, result: EQUAL, target: target.CREATE, ...created });
    case "absentPrefix": {
      const range = prefixRange(compare.key);
      return create(etcdpb.CompareSchema, { ...range, result: EQUAL, target: target.CREATE, ...created });
    }
    case "unmodifiedPrefix": {
      const range = prefixRange(compare.key);
      const targetUnion = { case: "modRevision", value: compare.since + 1n } as const;
      return create(etcdpb.CompareSchema, { ...range, result: LESS, target: target.MOD, targetUnion });
    }
    case "present":
      return create(etcdpb.CompareSchema, { key, result: GREATER, target: target.CREATE, ...created });
    case "modRevision": {
      const targetUnion = { case: "modRevision", value: compare.revision } as const;
      return create(etcdpb.CompareSchema, { key, result: EQUAL, target: target.MOD, targetUnion });
    }
    case "value": {
      const targetUnion = { case: "value", value: toBytes(compare.value) } as const;
      return create(etcdpb.CompareSchema, { key, result: EQUAL, target: target.VALUE, targetUnion });
    }
  }
}

/** A write as its message. */
export function toRequestOp(write: BackendWrite): etcdpb.RequestOp {
  const key = toBytes(write.key);
  if (write.kind === "delete") {
    const value = create(etcdpb.DeleteRangeRequestSchema, { key });
    return create(etcdpb.RequestOpSchema, { request: { case: "requestDeleteRange", value } });
  }
  const value = create(etcdpb.PutRequestSchema, { key, value: toBytes(write.value), lease: write.lease });
  return create(etcdpb.RequestOpSchema, { request: { case: "requestPut", value } });
}

/** Whether it is worth trying another endpoint, or again later. */
export function isUnreachable(error: ConnectError): boolean {
  return (
    error.code === Code.Unavailable ||
    error.code === Code.DeadlineExceeded ||
    error.code === Code.Canceled ||
    error.code === Code.Aborted ||
    // Sessions that die under a request come as Internal or Unknown with a code of the network stack.
    ((error.code === Code.Internal || error.code === Code.Unknown) && isNetworkError(error.cause))
  );
}

/** The project's error for what a call threw. `what` completes "Cannot …". */
export function toKvError(thrown: unknown, what: string): Error {
  if (thrown instanceof KvstoreError || thrown instanceof KvCompactedError) return thrown;
  const error = ConnectError.from(thrown);
  if (/requested lease not found/.test(error.rawMessage)) return new KvLeaseNotFoundError(0n);
  if (isUnreachable(error)) return KvstoreError.unavailable(what, error);
  return new KvstoreError(`Cannot ${what}: ${error.rawMessage}`, { code: "REFUSED", cause: error });
}

/** Whether a call failed since the history it needs is gone. */
export function isCompacted(error: unknown): boolean {
  return error instanceof ConnectError && /required revision has been compacted/.test(error.rawMessage);
}

function isNetworkError(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return /^(ERR_HTTP2_|ERR_STREAM_|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/.test(code);
}
