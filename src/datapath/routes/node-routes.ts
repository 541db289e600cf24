// SPDX-License-Identifier: Apache-2.0
// All routes of a node but those of single endpoints.
import type { NetlinkEvent, Route, Rtnetlink } from "../../kernel/index.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig, MtuInfo, RemoteNode } from "../types.ts";
import { type DirectRoute, ensureDirectRoutes, wantedDirectRoutes } from "./direct-routes.ts";
import { ensureRoutes } from "./route-keeper.ts";
import { ensureUnreachable, wantedUnreachable } from "./unreachable-routes.ts";
import { wantedRoutes } from "./wanted-routes.ts";
import { Ways } from "./ways.ts";

export interface RouteState {
  /** Index of cilium_host. */
  readonly hostIfindex: number;
  readonly mtu: MtuInfo;
  /** Whether every endpoint has the routes that it needs now. */
  readonly endpointsRouted: boolean;
}

/** Keeps them; errors go to the status. */
export class NodeRoutes {
  readonly #config: DatapathConfig;
  /** An earlier run may have left direct routes. */
  #mayHaveDirect = true;
  /** CIDRs of this node that have an unreachable route. */
  readonly #unreachable: readonly string[];
  /** Or that an earlier run gave one. */
  #mayHaveUnreachable = true;
  /** Undefined until somebody has said which nodes there are: then routes of an earlier run stay. */
  #nodes: readonly RemoteNode[] | undefined;
  #direct: readonly DirectRoute[] = [];
  /** Gateways and destinations of the wanted direct routes. */
  #named: ReadonlySet<string> = new Set();
  readonly #ways = new Ways();

  constructor(config: DatapathConfig) {
    this.#config = config;
    this.#unreachable = wantedUnreachable(config);
  }

  /** The routes to them are written with the next `ensure()`. */
  setNodes(nodes: readonly RemoteNode[]): void {
    this.#nodes = [...nodes];
    this.#direct = wantedDirectRoutes(this.#config, nodes);
    this.#named = new Set(this.#direct.flatMap(({ destination, gateway }) => [destination, gateway ?? destination]));
  }

  /** Whether a route is, or takes the place of, one over another node or an unreachable one. */
  concerns({ gateway, destination }: Pick<Route, "gateway" | "destination">): boolean {
    if (this.#unreachable.includes(destination)) return true;
    return (gateway !== undefined && this.#named.has(gateway)) || this.#named.has(destination);
  }

  /** To be told of each change in the kernel; without one, ways to nodes are taken as they were found. */
  hear(event: NetlinkEvent): void {
    this.#ways.hear(event, (destination) => this.#named.has(destination));
  }

  /** To be called now and then: looks at some of the ways again. */
  age(): void {
    this.#ways.age();
  }

  ensure(rtnl: Rtnetlink, status: ObjectStatus, { hostIfindex, mtu, endpointsRouted }: RouteState): void {
    const nodes = this.#nodes;
    const wanted = wantedRoutes(this.#config, mtu, nodes ?? []);
    // What an endpoint's own route replaces stays until it has that.
    const prune = nodes !== undefined && (endpointsRouted || this.#config.endpointRoutes !== true);
    ensureRoutes(rtnl, status, { ifindex: hostIfindex, wanted, prune });
    if (this.#mayHaveUnreachable) ensureUnreachable(rtnl, status, this.#config);
    this.#mayHaveUnreachable = this.#unreachable.length > 0;
    if (!this.#mayHaveDirect) return;
    ensureDirectRoutes(rtnl, status, this.#config, {
      wanted: this.#direct,
      ways: this.#ways,
      prune: nodes !== undefined,
    });
    this.#mayHaveDirect = this.#config.autoDirectNodeRoutes === true || nodes === undefined;
  }
}
