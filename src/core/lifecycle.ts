// SPDX-License-Identifier: Apache-2.0
// Starts modules in order and stops them in reverse.

import { setTimeout as sleep } from "node:timers/promises";
import { CiliumError, errorChain, toError } from "./errors.ts";
import type { Health, Module } from "./lifecycle-types.ts";
import { createLogger, type Logger } from "./log.ts";

/** How to run modules. */
export interface RunModulesOptions {
  /** Aborting it ends a start that is under way; modules started so far are stopped. */
  readonly signal?: AbortSignal;
  /** Most time for one module's stop, ms. Default 5 s. */
  readonly stopTimeoutMs?: number;
  /** Called for each module that is started. */
  readonly onStarted?: (module: string, seconds: number) => void;
  readonly log?: Logger;
}

/** Modules that are all started. */
export interface RunningModules {
  /** Stops all in reverse order; rejects with an AggregateError of what went wrong, after the last one. */
  stop(): Promise<void>;
  /** The state of each module, in start order. */
  health(): ReadonlyMap<string, Health>;
}

/** Starts the modules one after the other. When one fails, those started before are stopped and the error is thrown. */
export async function runModules(modules: readonly Module[], options: RunModulesOptions = {}): Promise<RunningModules> {
  const log = options.log ?? createLogger("lifecycle");
  const life = new AbortController();
  const { signal } = options;
  const forward = () => life.abort(signal?.reason);
  if (signal?.aborted === true) forward();
  else signal?.addEventListener("abort", forward, { once: true });
  const started: Module[] = [];
  const timeout = options.stopTimeoutMs ?? 5000;
  let stopping: Promise<void> | undefined;

  for (const module of modules) {
    const since = performance.now();
    try {
      life.signal.throwIfAborted();
      started.push(module);
      await untilAborted(module.start(life.signal), life.signal);
      options.onStarted?.(module.name, (performance.now() - since) / 1000);
      log.info("Module started", { module: module.name, ms: elapsed(since) });
    } catch (error) {
      life.abort();
      const failures = await stopAll(started, timeout, log);
      signal?.removeEventListener("abort", forward);
      const failure = startError(module.name, error);
      throw failures.length === 0
        ? failure
        : new AggregateError([failure, ...failures], failure.message, { cause: error });
    }
  }
  return {
    stop() {
      stopping ??= (async () => {
        life.abort();
        signal?.removeEventListener("abort", forward);
        throwAll(await stopAll(started, timeout, log));
      })();
      return stopping;
    },
    health: () => new Map(modules.map((module) => [module.name, healthOf(module, stopping !== undefined)])),
  };
}

function healthOf(module: Module, stopped: boolean): Health {
  if (stopped) return { state: "stopped" };
  try {
    return module.health?.() ?? { state: "ok" };
  } catch (error) {
    return { state: "degraded", message: errorChain(error) };
  }
}

async function stopAll(started: readonly Module[], timeoutMs: number, log: Logger): Promise<Error[]> {
  const failures: Error[] = [];
  for (const module of started.toReversed()) {
    const since = performance.now();
    try {
      await withTimeout(module.stop?.() ?? Promise.resolve(), timeoutMs, module.name);
      log.debug("Module stopped", { module: module.name, ms: elapsed(since) });
    } catch (thrown) {
      const error = toError(thrown);
      failures.push(new CiliumError(`Cannot stop module "${module.name}": ${error.message}`, { cause: error }));
      log.error("Module failed to stop", { module: module.name, error });
    }
  }
  return failures;
}

/** Waits for a start, but no longer than until the program is told to stop; a late failure is then of no interest. */
async function untilAborted(start: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(toError(signal.reason));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([start, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function withTimeout(stop: Promise<void>, ms: number, name: string): Promise<void> {
  const done = new AbortController();
  const late = sleep(ms, undefined, { signal: done.signal, ref: true }).then(
    () => {
      throw new CiliumError(`Cannot stop module "${name}" within ${ms} ms`, { code: "TIMEOUT" });
    },
    () => undefined,
  );
  try {
    await Promise.race([stop, late]);
  } finally {
    done.abort();
  }
}

function throwAll(failures: readonly Error[]): void {
  if (failures.length > 0) {
    throw new AggregateError(failures, failures.map((failure) => failure.message).join("; "));
  }
}

function startError(name: string, error: unknown): CiliumError {
  return new CiliumError(`Cannot start module "${name}": ${errorChain(error)}`, { code: "START", cause: error });
}

function elapsed(since: number): number {
  return Math.round(performance.now() - since);
}
