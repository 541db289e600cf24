// SPDX-License-Identifier: Apache-2.0
// Calls to whichever endpoint works: limited, with a time limit each, and a state that says what works.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Clock, type Logger, toError } from "../../../core/index.ts";
import { etcdpb } from "../../../protos/index.ts";
import { KvstoreError } from "../../errors.ts";
import { Backoff, Listeners, pause } from "../../wait.ts";
import { isCompacted, isUnreachable, toKvError } from "./convert.ts";
import { type EtcdClients, EtcdEndpoint } from "./endpoint.ts";
import { Limiter } from "./limiter.ts";
import type { EtcdOptions } from "./options.ts";

/** How to call. */
export interface CallOptions {
  /** May be sent to another endpoint when the first did not answer: for what does no harm twice. */
  readonly idempotent: boolean;
  /** Not counted against the rate: for what keeps the session alive. */
  readonly unlimited?: boolean;
  /** Somebody waits for it: it goes before what is only to be said. */
  readonly urgent?: boolean;
}

const probeIntervalMs = 10_000;
const bootstrapMs = 30_000;

/** The endpoints as one. */
export class EtcdClient {
  readonly options: EtcdOptions;
  readonly endpoints: readonly EtcdEndpoint[];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limiter: Limiter;
  readonly #reconnected = new Listeners();
  readonly #closing = new AbortController();
  #current = 0;
  #token: string | undefined;
  #connected: boolean | undefined;
  #firstAnswer = Promise.withResolvers<void>();
  #probing: Promise<void> | undefined;
  #probeNow: () => void = () => {};

  constructor(options: EtcdOptions, clock: Clock, log: Logger) {
    this.options = options;
    this.#clock = clock;
    this.#log = log;
    this.endpoints = options.endpoints.map((url) => new EtcdEndpoint(url, options, () => this.#token));
    const { qps, bootstrapQps, maxInflight } = options;
    const ratePerSecond = (sinceStart: number) => (sinceStart < bootstrapMs ? bootstrapQps : qps);
    this.#limiter = new Limiter({ clock, maxInflight, ratePerSecond });
    this.#probing = this.#probeLoop();
  }

  /** Whether the last call or probe was answered. */
  get connected(): boolean {
    return this.#connected === true;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Resolves at the first answer ever. */
  async firstAnswer(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.reject(KvstoreError.unavailable("connect", signal.reason));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    await Promise.race([this.#firstAnswer.promise, aborted.promise]).finally(() =>
      signal.removeEventListener("abort", onAbort),
    );
  }

  onReconnect(listener: () => void): Disposable {
    return this.#reconnected.add(listener);
  }

  /** Calls one endpoint after the other until one answers; rejects with the project's errors. */
  async call<T>(
    what: string,
    { idempotent, unlimited, urgent = false }: CallOptions,
    send: (clients: EtcdClients, options: { timeoutMs: number; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const tries = idempotent ? this.endpoints.length : 1;
    const attempt = () => this.#attempts(tries, send);
    try {
      return await (unlimited === true ? attempt() : this.#limiter.run(this.#closing.signal, attempt, { urgent }));
    } catch (error) {
      if (this.#closing.signal.aborted) throw KvstoreError.closed(what);
      if (isCompacted(error)) throw error;
      throw toKvError(error, what);
    }
  }

  /** The endpoint for a new stream. */
  current(): EtcdEndpoint {
    const endpoint = this.endpoints[this.#current];
    if (endpoint === undefined) throw KvstoreError.unavailable("choose an endpoint");
    return endpoint;
  }

  /** To be told of what came of a stream, too. */
  answered(): void {
    const before = this.#connected;
    this.#connected = true;
    this.#firstAnswer.resolve();
    if (before !== false) return;
    this.#log.info("Key-value store answers again", { endpoint: this.current().url });
    this.#reconnected.call((error) => this.#log.error("Listener failed", { error: toError(error) }));
    this.#probeNow();
  }

  /** A stream or call on that endpoint broke: the next ones go elsewhere. */
  failed(endpoint: EtcdEndpoint, error: ConnectError): void {
    if (this.#closing.signal.aborted || !isUnreachable(error)) return;
    endpoint.giveUpConnecting(error);
    endpoint.state = { kind: "down", reason: error.rawMessage };
    if (this.endpoints[this.#current] === endpoint) this.#current = (this.#current + 1) % this.endpoints.length;
    if (this.#connected === true) this.#log.warn("Key-value store lost", { endpoint: endpoint.url, error });
    const before = this.#connected;
    this.#connected = false;
    if (before === true) this.#probeNow();
  }

  /** Makes a token when there is a user and none is there yet. */
  async authenticate(): Promise<void> {
    const { user, operationMs } = this.options;
    if (user === undefined || this.#token !== undefined) return;
    this.#token = await this.current().authenticate(user, operationMs);
  }

  /** Whether the error means that the token is no longer taken; the next call makes a new one. */
  tokenRefused(error: ConnectError): boolean {
    if (this.options.user === undefined || this.#token === undefined) return false;
    if (error.code !== Code.Unauthenticated && !/invalid auth token/.test(error.rawMessage)) return false;
    this.#token = undefined;
    return true;
  }

  async close(): Promise<void> {
    this.#closing.abort(KvstoreError.closed("call etcd"));
    for (const endpoint of this.endpoints) endpoint.disconnect();
    await this.#probing;
  }

  async #attempts<T>(
    tries: number,
    send: (clients: EtcdClients, options: { timeoutMs: number; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    let reauthenticated = false;
    for (let left = tries; ; left--) {
      const endpoint = this.current();
      try {
        await this.authenticate();
        const result = await this.#untilClosed((signal) =>
          send(endpoint.clients, { timeoutMs: this.options.operationMs, signal }),
        );
        this.answered();
        return result;
      } catch (thrown) {
        const error = ConnectError.from(thrown);
        if (this.tokenRefused(error) && !reauthenticated) {
          reauthenticated = true;
          left++;
          continue;
        }
        this.failed(endpoint, error);
        if (left <= 1 || !isUnreachable(error)) throw error;
      }
    }
  }

  /** Gives a call a signal of its own: streams leave listeners behind on theirs. */
  async #untilClosed<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const own = new AbortController();
    const abort = () => own.abort(this.#closing.signal.reason);
    if (this.#closing.signal.aborted) abort();
    this.#closing.signal.addEventListener("abort", abort, { once: true });
    try {
      return await send(own.signal);
    } finally {
      this.#closing.signal.removeEventListener("abort", abort);
    }
  }

  async #probeLoop(): Promise<void> {
    const backoff = new Backoff(100, probeIntervalMs);
    while (!this.#closing.signal.aborted) {
      const answers = await Promise.all(this.endpoints.map((endpoint) => this.#probe(endpoint)));
      if (this.#closing.signal.aborted) return;
      if (answers.some((answer) => answer)) {
        this.answered();
        backoff.reset();
      } else {
        this.#connected = false;
      }
      const woken = new AbortController();
      this.#probeNow = () => woken.abort();
      const ms = answers.every((answer) => answer) ? probeIntervalMs : backoff.next();
      await pause(this.#clock, ms, AbortSignal.any([woken.signal, this.#closing.signal]));
    }
  }

  async #probe(endpoint: EtcdEndpoint): Promise<boolean> {
    const timeoutMs = Math.min(this.options.operationMs, 5_000);
    try {
      const request = create(etcdpb.StatusRequestSchema);
      const answer = await endpoint.clients.maintenance.status(request, { timeoutMs, signal: this.#closing.signal });
      const leader = answer.leader !== 0n && answer.leader === answer.header?.memberId;
      endpoint.state = { kind: "up", version: answer.version, leader, hasLeader: answer.leader !== 0n };
      return true;
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      // Status may be refused to a user who may read and write keys; that is an answer all the same.
      if (!isUnreachable(error)) {
        endpoint.state = { kind: "up", version: "unknown version", leader: false, hasLeader: true };
        return true;
      }
      endpoint.giveUpConnecting(error);
      endpoint.state = { kind: "down", reason: error.rawMessage };
      return false;
    }
  }
}
