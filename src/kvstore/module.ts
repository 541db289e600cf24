// SPDX-License-Identifier: Apache-2.0
// Opens a store by its kind and options, alone or as a module of a program.
import {
  type Clock,
  ConfigError,
  createLogger,
  type Health,
  type Logger,
  type Metrics,
  type Module,
  systemClock,
} from "../core/index.ts";
import { measured } from "./measured.ts";
import { kvstoreBackends } from "./registry.ts";
import { KvstoreSession } from "./session.ts";
import type { Kvstore } from "./types.ts";

/** Which store, and how. */
export interface KvstoreConfig {
  /** `memory` or `etcd`. */
  readonly kind: string;
  /** The `kvstore-opt` keys, such as `etcd.address`. */
  readonly options: Readonly<Record<string, string>>;
  /** Life time of the session's lease in seconds (`kvstore-lease-ttl`). Default 900. */
  readonly leaseTtl?: number;
  /** How long `start` waits for the store before it goes on without, ms. Default 5000. */
  readonly connectTimeoutMs?: number;
}

/** What a store uses; all have defaults. */
export interface KvstoreDeps {
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
}

/** A store with a place in a program's start order. */
export interface KvstoreModule extends Module {
  readonly kvstore: Kvstore;
}

/** Makes a session; it connects by itself. Throws ConfigError for an unknown kind, option or value. */
export function openKvstore(config: KvstoreConfig, deps: KvstoreDeps = {}): Kvstore {
  const backend = kvstoreBackends.find(({ name }) => name === config.kind);
  if (backend === undefined) {
    const kinds = kvstoreBackends.map(({ name }) => name).join(", ");
    throw new ConfigError("kvstore", `Cannot use kvstore "${config.kind}": unknown kind (${kinds} expected)`);
  }
  for (const name of Object.keys(config.options)) {
    if (Object.hasOwn(backend.options, name)) continue;
    const known = Object.keys(backend.options).join(", ") || "none";
    throw new ConfigError("kvstore-opt", `Cannot use kvstore-opt "${name}": unknown option (${known} allowed)`);
  }
  const log = deps.logger ?? createLogger("kvstore");
  const clock = deps.clock ?? systemClock;
  const connection = backend.create(config.options, {
    logger: log,
    clock,
    ...(deps.metrics === undefined ? {} : { metrics: deps.metrics }),
  });
  const timed = deps.metrics === undefined ? connection : measured(connection, deps.metrics);
  return new KvstoreSession({ connection: timed, clock, log, leaseTtl: config.leaseTtl ?? 900 });
}

/**
 * A store as a module. `start` waits for the store for a while and then goes on without: what others announce is
 * resynchronised when it answers. `stop` keeps the lease, so that a restart is not noticed by others.
 */
export function createKvstore(deps: KvstoreDeps, config: KvstoreConfig): KvstoreModule {
  const log = deps.logger ?? createLogger("kvstore");
  const kvstore = openKvstore(config, deps);
  return {
    name: "kvstore",
    kvstore,
    async start(signal) {
      const timeout = AbortSignal.timeout(config.connectTimeoutMs ?? 5_000);
      try {
        await kvstore.connected(AbortSignal.any([signal, timeout]));
      } catch (error) {
        signal.throwIfAborted();
        if (!timeout.aborted) throw error;
        log.warn("Key-value store does not answer, going on without", { status: kvstore.status().message });
      }
    },
    stop: () => kvstore.close(),
    health(): Health {
      const { state, message } = kvstore.status();
      return { state: state === "Failure" || state === "Warning" ? "degraded" : "ok", message };
    },
  };
}
