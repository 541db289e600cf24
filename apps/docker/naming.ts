// SPDX-License-Identifier: Apache-2.0
// Endpoints that were joined while the engine was silent get their containers and labels as soon as it speaks.
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger, errorChain } from "../../src/core/index.ts";
import { EngineSilentError } from "./engine.ts";
import { labelsOf } from "./join.ts";
import type { NetworkDeps } from "./network-driver.ts";

const log = createLogger("docker");
/** Between two tries, ms: the first one, and the longest while something fails. */
const pauses = { first: 1_000, longest: 30_000 };

export class Naming {
  readonly #deps: Omit<NetworkDeps, "nameLater">;
  #stopped = false;
  #running = false;
  #pause = pauses.first;

  constructor(deps: Omit<NetworkDeps, "nameLater">) {
    this.#deps = deps;
  }

  /** Begins to ask, or asks more often again, as there is something new to be asked for. */
  start(): void {
    this.#pause = pauses.first;
    if (!this.#running) void this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (!this.#stopped && this.#deps.store.unnamed().length > 0) {
        await this.#nameAll();
        await sleep(this.#pause);
        this.#pause = Math.min(2 * this.#pause, pauses.longest);
      }
    } catch (error) {
      log.error("Cannot look for endpoints without labels", { error: errorChain(error) });
    }
    this.#running = false;
  }

  async #nameAll(): Promise<void> {
    for (const id of this.#deps.store.unnamed()) {
      try {
        await this.#name(id);
      } catch (error) {
        log.warn("Cannot give a container's endpoint its labels yet", { endpoint: id, error: errorChain(error) });
        // It would be silent for the others too.
        if (error instanceof EngineSilentError) return;
      }
    }
  }

  /** The engine is asked while calls for the endpoint go on: they may be what it waits for. */
  async #name(id: string): Promise<void> {
    const { agent, engine, store, turns } = this.#deps;
    const networkId = store.endpoint(id)?.networkId;
    if (networkId === undefined) return;
    const container = await engine.containerOf(networkId, id, true);
    const labels = labelsOf(container, await agent.getConfig());
    await turns.take(id, async () => {
      const found = store.endpoint(id);
      if (found?.unnamed !== true || found.containerId === undefined) return;
      const { unnamed: _, ...stored } = found;
      // By address: an earlier try may have told the agent the container already.
      const ref = stored.ipv4 === undefined ? `ipv6:${stored.ipv6}` : `ipv4:${stored.ipv4}`;
      await agent.patchEndpoint(ref, { "container-id": container.id, labels });
      store.saveEndpoint(id, { ...stored, containerId: container.id });
      log.info("The engine has said whose endpoint it is", { endpoint: id, container: container.name });
    });
  }
}
