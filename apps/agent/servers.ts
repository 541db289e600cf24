// SPDX-License-Identifier: Apache-2.0
// The sockets that the agent answers on, as modules.
import {
  type AgentApi,
  type AnsweredCall,
  type ApiServer,
  clusterHealthRoutes,
  createApiServer,
  createMonitorServer,
  createShellServer,
  noRateLimits,
  rateLimitsWith,
} from "../../src/api/index.ts";
import type { Config, Module } from "../../src/core/index.ts";
import { cniSocketPath, createCniServer, pluginOf } from "../cni/index.ts";
import { options } from "./options.ts";

export interface ServerDeps {
  readonly api: AgentApi;
  /** Paths of the sockets. */
  readonly paths: {
    readonly socket: string;
    readonly monitor: string;
    readonly health: string;
    readonly shell: string;
  };
  readonly observe: (call: AnsweredCall) => void;
  readonly config: Config;
}

/** Nothing is opened before the modules start. */
export function createServers({ api, paths, config, observe }: ServerDeps) {
  const module = (name: string, server: Pick<ApiServer, "start" | "stop">): Module => ({
    name,
    start: () => server.start(),
    stop: () => server.stop(),
  });
  const agent = createApiServer({
    ...{ api, socketPath: paths.socket, observe, access: config.get(options.apiAccess) },
    rateLimits: config.get(options.enableApiRateLimit)
      ? rateLimitsWith(config.get(options.apiRateLimit))
      : noRateLimits,
  });
  return {
    limiters: () => agent.limiters(),
    api: module("api", agent),
    health: module(
      "health-api",
      createApiServer({
        api,
        socketPath: paths.health,
        routes: clusterHealthRoutes,
        access: config.get(options.healthApiAccess),
      }),
    ),
    monitor: module("monitor", createMonitorServer({ api, socketPath: paths.monitor })),
    shell: module("shell", createShellServer({ api, socketPath: paths.shell })),
    cni: module("cni", createCniServer(cniSocketPath(paths.socket), pluginOf(api, paths.socket))),
  };
}
