// SPDX-License-Identifier: Apache-2.0
// The plug-in: both drivers behind one socket.
import { join } from "node:path";
import { AgentClient } from "../../src/api/index.ts";
import { Engine } from "./engine.ts";
import type { Front } from "./front.ts";
import { ipamCalls } from "./ipam-driver.ts";
import { Naming } from "./naming.ts";
import { networkCalls, publishAgain, removeForgotten } from "./network-driver.ts";
import type { DockerOptions } from "./options.ts";
import type { Calls } from "./protocol.ts";
import { publish } from "./publish.ts";
import { createPluginServer } from "./server.ts";
import { Store, type StoredEndpoint } from "./store.ts";
import { Turns } from "./turns.ts";

/** Milliseconds for one call of the agent; an endpoint's build is one. */
const callTimeout = 90_000;

/** Of looking for what the engine gave up, and for ports that somebody else's firewall flushed away, ms. */
const sweepInterval = 5 * 60_000;

export interface Plugin {
  /** The engine's. */
  readonly socketPath: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Everything that the engine may call. */
export function pluginCalls(deps: Parameters<typeof networkCalls>[0] & Parameters<typeof ipamCalls>[0]): Calls {
  return {
    "/Plugin.Activate": () => ({ Implements: ["NetworkDriver", "IpamDriver"] }),
    ...networkCalls(deps),
    ...ipamCalls(deps),
  };
}

/**
 * Nothing is opened before `start()`, which serves, and removes what the engine gave up: then, and now and again. With a
 * door the engine's socket is that one's.
 */
export function createPlugin(options: DockerOptions, front?: Front): Plugin {
  const agent = new AgentClient({ socketPath: options.agentSocket, timeout: callTimeout });
  const engine = new Engine(options.dockerSocket);
  const store = new Store(options.stateDir);
  const tableName = `cilium-docker-${options.name}`;
  const bringIntoForce = (endpoints: readonly StoredEndpoint[]): void => publish(tableName, endpoints);
  const parts = { agent, engine, store, turns: new Turns(), publish: bringIntoForce };
  const naming = new Naming(parts);
  const deps = { ...parts, nameLater: () => naming.start() };
  const socketPath = join(options.pluginDir, `${options.name}.sock`);
  const ownSocket = front === undefined ? socketPath : join(options.stateDir, "calls.sock");
  const server = createPluginServer(ownSocket, pluginCalls(deps));
  const tidy = async (): Promise<void> => {
    await removeForgotten(deps);
    publishAgain(deps);
  };
  let sweep: NodeJS.Timeout | undefined;
  return {
    socketPath,
    start: async () => {
      await server.start();
      await front?.open(socketPath, ownSocket);
      naming.start();
      await tidy();
      sweep = setInterval(() => void tidy(), sweepInterval);
    },
    stop: () => {
      clearInterval(sweep);
      naming.stop();
      return server.stop();
    },
  };
}
