// SPDX-License-Identifier: Apache-2.0
// Endpoints whose device is gone though nobody deleted them: some runtimes end containers without a CNI DEL.
import {
  type Clock,
  createLogger,
  type JobMetrics,
  type Module,
  type ReadonlyTable,
  toError,
} from "../../src/core/index.ts";
import type { DeviceOfEndpoint, EndpointManager, EndpointRow } from "../../src/endpoint/index.ts";

const log = createLogger("endpoint-gc");

export interface EndpointGcDeps {
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly manager: Pick<EndpointManager, "delete">;
  readonly deviceExists: (device: DeviceOfEndpoint) => boolean;
  readonly clock: Clock;
  readonly jobs?: JobMetrics;
}

/** Deletes what has no device in two looks, `intervalMs` apart: a DEL under way comes in between. 0: never. */
export function createEndpointGc(deps: EndpointGcDeps, intervalMs: number): Module {
  let timer: Disposable | undefined;
  let stopped = false;
  let suspects: ReadonlySet<number> = new Set();

  async function look(): Promise<void> {
    const gone = [...deps.endpoints.all()].filter((row) => isGone(deps, row));
    for (const { id, interfaceName } of gone.filter((row) => suspects.has(row.id))) {
      log.info("Endpoint's device is gone, deleting the endpoint", { endpoint: id, interface: interfaceName });
      await deps.manager.delete(id).catch((thrown: unknown) => {
        log.error("Cannot delete an endpoint without device", { endpoint: id, error: toError(thrown).message });
      });
    }
    suspects = new Set(gone.map(({ id }) => id).filter((id) => deps.endpoints.get(id) !== undefined));
  }

  function later(): void {
    if (stopped) return;
    timer = deps.clock.after(intervalMs, () => {
      const started = performance.now();
      const ran = (ok: boolean): void => {
        const seconds = (performance.now() - started) / 1000;
        deps.jobs?.ran("timer", { module: "endpoint-gc", job: "look", seconds, ok });
        later();
      };
      look().then(
        () => ran(true),
        (thrown: unknown) => {
          log.error("Cannot look for endpoints without device, trying again", { error: toError(thrown).message });
          ran(false);
        },
      );
    });
  }

  return {
    name: "endpoint-gc",
    async start() {
      if (intervalMs > 0) later();
    },
    async stop() {
      stopped = true;
      timer?.[Symbol.dispose]();
      timer = undefined;
    },
  };
}

function isGone({ deviceExists }: EndpointGcDeps, row: EndpointRow): boolean {
  return row.host !== true && row.phase !== "disconnecting" && !deviceExists(row);
}
