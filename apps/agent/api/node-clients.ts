// SPDX-License-Identifier: Apache-2.0
// GET /cluster/nodes: all nodes, or for a client that asked before what changed since.
import { randomInt } from "node:crypto";
import type { ClusterNodeStatus, NodeElement } from "../../../src/api/index.ts";

/** Clients that are remembered; the one that asked longest ago goes. */
const maxClients = 32;

type Known = ReadonlyMap<string, string>;

/** Remembers what each client was told. A changed node is removed and added. */
export class NodeClients {
  readonly #clients = new Map<number, Known>();

  /** `client` 0, or one that is not known: all nodes, under a number of its own. */
  answer(client: number, self: string, nodes: readonly NodeElement[]): ClusterNodeStatus {
    const before = this.#clients.get(client) ?? new Map<string, string>();
    const id = this.#clients.has(client) ? client : randomInt(1, 2 ** 47);
    const now = new Map(nodes.map((node) => [node.name, JSON.stringify(node)]));
    this.#remember(id, now);
    const gone = [...before].filter(([name, text]) => now.get(name) !== text);
    return {
      "client-id": id,
      self,
      "nodes-added": nodes.filter(({ name }) => before.get(name) !== now.get(name)),
      "nodes-removed": gone.map(([, text]) => JSON.parse(text) as NodeElement),
    };
  }

  #remember(id: number, now: Known): void {
    this.#clients.delete(id);
    this.#clients.set(id, now);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > maxClients && oldest !== undefined) this.#clients.delete(oldest);
  }
}
