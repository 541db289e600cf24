// SPDX-License-Identifier: Apache-2.0
// Endpoints that were joined while the engine was silent get their containers and labels as soon as it speaks.
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger, errorChain } from "../../src/core/index.ts";
import { EngineSilentError } from "./engine.ts";
import { labelsOf } from "./join.ts";
import type { NetworkDeps } from "./network-driver.ts";

const log = createLogger("docker");
/** Between two tries, ms: the first one, and the longest while the engine speaks and does not know the endpoint. */
const pauses = { first: 1_000, longest: 30_000 };

export class Naming {
  readonly #deps: Omit<NetworkDeps, "nameLater">;
  readonly #stop = new AbortController();
  #running = false;

  constructor(deps: Omit<NetworkDeps, "nameLater">) {
    this.#deps = deps;
  }

  /** Begins to ask, if there is something to be asked for. */
  start(): void {
    if (!this.#running) void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let pause = pauses.first;
    while (!this.#stop.signal.aborted) {
      const found = await this.#nameAll();
      if (found === "all") break;
      pause = found === "silence" ? pauses.first : Math.min(2 * pause, pauses.longest);
      await sleep(pause);
    }
    this.#running = false;
  }

  async #nameAll(): Promise<"all" | "some" | "silence"> {
    const { store, turns } = this.#deps;
    for (const id of store.unnamed()) {
      try {
        await turns.take(id, () => this.#name(id));
      } catch (error) {
        if (error instanceof EngineSilentError) return "silence";
        log.warn("Cannot give a container's endpoint its labels yet", { endpoint: id, error: errorChain(error) });
      }
    }
    return store.unnamed().length === 0 ? "all" : "some";
  }

  async #name(id: string): Promise<void> {
    const { agent, engine, store } = this.#deps;
    const found = store.endpoint(id);
    if (found?.unnamed !== true) return;
    const { unnamed: _, ...stored } = found;
    const container = await engine.containerOf(stored.networkId, id);
    const labels = labelsOf(container, await agent.getConfig());
    // By address: an earlier try may have told the agent the container already.
    const ref = stored.ipv4 === undefined ? `ipv6:${stored.ipv6}` : `ipv4:${stored.ipv4}`;
    await agent.patchEndpoint(ref, { "container-id": container.id, labels });
    store.saveEndpoint(id, { ...stored, containerId: container.id });
    log.info("The engine has said whose endpoint it is", { endpoint: id, container: container.name });
  }
}
