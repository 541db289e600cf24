// SPDX-License-Identifier: Apache-2.0
// Conntrack's expired entries are deleted now and then: they are dead already, and only take room.
import { createLogger, toError } from "../core/index.ts";
import type { ConntrackMap } from "./maps/types.ts";

/** An agent that never lives long enough for the interval must sweep too. Milliseconds. */
const FIRST_SWEEP = 3000;

/** Sweeps every so many seconds until disposed; `conntrack` is asked for the map each time. */
export function sweepEvery(seconds: number, conntrack: () => ConntrackMap): Disposable {
  const log = createLogger("datapath");
  const abort = new AbortController();
  let sweeping = false;
  const sweep = async () => {
    if (sweeping) return;
    sweeping = true;
    try {
      log.debug("Conntrack swept", { ...(await conntrack().sweepExpired(abort.signal)) });
    } catch (error) {
      if (!abort.signal.aborted) log.error("Cannot sweep conntrack", { error: toError(error) });
    } finally {
      sweeping = false;
    }
  };
  const timer = setInterval(sweep, seconds * 1000);
  const first = setTimeout(sweep, Math.min(FIRST_SWEEP, seconds * 1000));
  return {
    [Symbol.dispose]() {
      abort.abort();
      clearTimeout(first);
      clearInterval(timer);
    },
  };
}
