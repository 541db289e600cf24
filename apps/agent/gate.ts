// SPDX-License-Identifier: Apache-2.0
// Holds endpoints back until policies and identities are as complete as the sources give them.
import { createLogger, type Health, type Module, type ReadonlyTable } from "../../src/core/index.ts";
import type { IdentityRow } from "../../src/identity/index.ts";
import type { ResourceRow } from "../../src/kubernetes/index.ts";

const log = createLogger("gate");

export interface GateDeps {
  readonly resources: ReadonlyTable<ResourceRow, string>;
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly open: () => void;
}

/**
 * Regenerating from half-known policies or identities would deny what is allowed. Until both are known, what the
 * kernel holds from the run before stays in force; new endpoints wait.
 */
export function createGate(deps: GateDeps): Module {
  let opened = false;
  const waiting = () => [...deps.resources.pendingInitializers, ...deps.identities.pendingInitializers];
  return {
    name: "gate",
    async start(signal) {
      Promise.all([deps.resources.initialized(signal), deps.identities.initialized(signal)]).then(
        () => {
          // One turn later the policy module has seen the last batch, too.
          setImmediate(() => {
            opened = true;
            deps.open();
          });
        },
        () => log.debug("Stopped before policies and identities were known"),
      );
    },
    health(): Health {
      if (opened) return { state: "ok" };
      return {
        state: "degraded",
        message: `Endpoints stay as they are, waiting for ${waiting().join(", ") || "the first pass"}`,
      };
    },
  };
}
