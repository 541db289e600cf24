// SPDX-License-Identifier: Apache-2.0
// Waiting for an endpoint, for callers that answer only when traffic can flow.
import type { Clock, ReadonlyTable } from "../core/index.ts";
import { EndpointError } from "./errors.ts";
import { endpointState } from "./state.ts";
import type { EndpointRow } from "./types.ts";

/** Resolves with the row once it is ready. Rejects when it goes away or time is up, saying what it waited for. */
export function waitForEndpoint(
  table: ReadonlyTable<EndpointRow, number>,
  id: number,
  timeoutMs: number,
  clock: Clock,
  waitingFor: () => string | undefined,
): Promise<EndpointRow> {
  const { promise, resolve, reject } = Promise.withResolvers<EndpointRow>();
  const check = () => {
    const row = table.get(id);
    if (row === undefined) reject(new EndpointError("not-found", `Endpoint ${id} was deleted while it was being made`));
    else if (endpointState(row.phase, row.status) === "ready") resolve(row);
  };
  const watch = table.onChange(check);
  const timer = clock.after(timeoutMs, () => {
    const row = table.get(id);
    const failed = row?.status.kind === "error" ? `: ${row.status.error}` : "";
    const what = waitingFor() ?? `its regeneration${failed}`;
    reject(
      new EndpointError("timeout", `Endpoint ${id} was not ready within ${timeoutMs / 1000} s, it waits for ${what}`),
    );
  });
  check();
  return promise.finally(() => {
    watch[Symbol.dispose]();
    timer[Symbol.dispose]();
  });
}
