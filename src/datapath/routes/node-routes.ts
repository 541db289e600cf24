// SPDX-License-Identifier: Apache-2.0
// All routes of a node but those of single endpoints.
import type { Rtnetlink } from "../../kernel/index.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig, MtuInfo, RemoteNode } from "../types.ts";
import { ensureDirectRoutes } from "./direct-routes.ts";
import { ensureRoutes } from "./route-keeper.ts";
import { wantedRoutes } from "./wanted-routes.ts";

export interface RouteState {
  /** Index of cilium_host. */
  readonly hostIfindex: number;
  readonly mtu: MtuInfo;
  /** Undefined until somebody has said which nodes there are: then routes of an earlier run stay. */
  readonly nodes: readonly RemoteNode[] | undefined;
  /** Whether every endpoint has the routes that it needs now. */
  readonly endpointsRouted: boolean;
}

/** Keeps them; errors go to the status. */
export class NodeRoutes {
  readonly #config: DatapathConfig;
  /** An earlier run may have left direct routes. */
  #mayHaveDirect = true;

  constructor(config: DatapathConfig) {
    this.#config = config;
  }

  ensure(rtnl: Rtnetlink, status: ObjectStatus, { hostIfindex, mtu, nodes, endpointsRouted }: RouteState): void {
    const wanted = wantedRoutes(this.#config, mtu, nodes ?? []);
    // What an endpoint's own route replaces stays until it has that.
    const prune = nodes !== undefined && (endpointsRouted || this.#config.endpointRoutes !== true);
    ensureRoutes(rtnl, status, hostIfindex, wanted, { prune });
    if (!this.#mayHaveDirect) return;
    ensureDirectRoutes(rtnl, status, this.#config, nodes);
    this.#mayHaveDirect = this.#config.autoDirectNodeRoutes === true || nodes === undefined;
  }
}
