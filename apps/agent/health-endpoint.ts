// SPDX-License-Identifier: Apache-2.0
// The node's health endpoint: a namespace of its own on a pod's path, in which probes are answered as by any pod.
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import {
  type Clock,
  createLogger,
  type Family,
  type Health,
  Labels,
  type Module,
  type ReadonlyTable,
  toError,
} from "../../src/core/index.ts";
import type { MtuInfo } from "../../src/datapath/index.ts";
import { attachmentId, type EndpointManager, type EndpointRow } from "../../src/endpoint/index.ts";
import type { Ipam } from "../../src/ipam/index.ts";
import { createNetns, deleteNetns, type Fd, netnsCookie, openNetns, Rtnetlink } from "../../src/kernel/index.ts";
import { createPodNetwork, Namespaces, type PodAddress } from "../cni/index.ts";

/** Host side of its pair. */
const healthDevice = "lxc_health";
const attachment = { containerId: "health", containerInterfaceName: "eth0" } as const;
const readyWithin = 60_000;
const retryAfter = 30_000;
const lookAfter = 10_000;
const log = createLogger("health-endpoint");

export interface HealthEndpointDeps {
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly manager: Pick<EndpointManager, "create" | "delete" | "ready">;
  readonly ipam: Pick<Ipam, "allocate" | "releaseOwner" | "router">;
  readonly mtu: () => MtuInfo;
  /** To be told when the namespace is there. */
  readonly ready: (netnsPath: string) => void;
  /** Tells the other nodes which addresses to probe. */
  readonly announce: (addresses: { readonly ipv4?: string; readonly ipv6?: string }) => void;
  readonly clock: Clock;
}

export interface HealthEndpointConfig {
  readonly enabled: boolean;
  /** Of the namespace. It outlives the agent, as every pod's does. */
  readonly netnsPath: string;
}

/**
 * To be started when the endpoints of the run before are restored: what is there of them is used again, and made again
 * when somebody takes it away. Where it is switched off, what an earlier run made goes. A node without it carries traffic
 * all the same.
 */
export function createHealthEndpoint(deps: HealthEndpointDeps, config: HealthEndpointConfig): Module {
  let problem: string | undefined;
  let timer: Disposable | undefined;
  const stopping = new AbortController();
  const later = (ms: number, then: () => void) => {
    if (!stopping.signal.aborted) timer = deps.clock.after(ms, then);
  };
  const look = (): void => {
    if (isPresent(deps, config.netnsPath)) {
      later(lookAfter, look);
      return;
    }
    log.warn("The health endpoint is gone, making another one", { device: healthDevice, namespace: config.netnsPath });
    void attempt();
  };
  const attempt = async (): Promise<void> => {
    try {
      await (config.enabled ? ensure(deps, config.netnsPath) : remove(deps, config.netnsPath));
      problem = undefined;
      if (config.enabled) later(lookAfter, look);
    } catch (thrown) {
      if (stopping.signal.aborted) return;
      problem = toError(thrown).message;
      log.error("Cannot make the health endpoint, trying again", { error: problem, seconds: retryAfter / 1000 });
      later(retryAfter, () => void attempt());
    }
  };
  return {
    name: "health-endpoint",
    async start() {
      // An endpoint waits for policies and identities; the agent's start does not wait for this one.
      void attempt();
    },
    async stop() {
      stopping.abort();
      timer?.[Symbol.dispose]();
    },
    health(): Health {
      return problem === undefined ? { state: "ok" } : { state: "degraded", message: problem };
    },
  };
}

async function ensure(deps: HealthEndpointDeps, netnsPath: string): Promise<void> {
  const present = restored(deps, netnsPath);
  if (present === undefined) await remove(deps, netnsPath);
  const { id } = present ?? create(deps, netnsPath);
  const row = await deps.manager.ready(id, readyWithin);
  deps.ready(netnsPath);
  deps.announce({ ...(row.ipv4 && { ipv4: row.ipv4 }), ...(row.ipv6 && { ipv6: row.ipv6 }) });
}

/** Whether it is still there, as far as can be seen. */
function isPresent(deps: HealthEndpointDeps, netnsPath: string): boolean {
  try {
    return restored(deps, netnsPath) !== undefined;
  } catch (error) {
    log.debug("Cannot look at the health endpoint", { error: toError(error).message });
    return true;
  }
}

function ownRow({ endpoints }: HealthEndpointDeps): EndpointRow | undefined {
  return endpoints.by("attachment", attachmentId(attachment))[0];
}

/** The endpoint of the run before, when its namespace and device are there and it has the families of this run. */
function restored(deps: HealthEndpointDeps, netnsPath: string): EndpointRow | undefined {
  const row = ownRow(deps);
  if (row === undefined || !existsSync(netnsPath)) return undefined;
  const asWanted = ([4, 6] as const).every((family) => {
    const address = family === 4 ? row.ipv4 : row.ipv6;
    return (address !== undefined) === (deps.ipam.router(family) !== undefined);
  });
  if (!asWanted) return undefined;
  using netns = openNetns(netnsPath);
  if (!isNetns(netns)) return undefined;
  using rtnl = new Rtnetlink({ netns });
  return rtnl.link(row.containerInterfaceName) === undefined ? undefined : row;
}

/** A plain file is left where the maker died before the bind. */
function isNetns(netns: Fd): boolean {
  try {
    netnsCookie(netns);
    return true;
  } catch {
    return false;
  }
}

async function remove(deps: HealthEndpointDeps, netnsPath: string): Promise<void> {
  const row = ownRow(deps);
  if (row !== undefined) await deps.manager.delete(row.id);
  deps.ipam.releaseOwner(attachment.containerId);
  using rtnl = new Rtnetlink();
  rtnl.deleteLink(healthDevice);
  deleteNetns(netnsPath);
}

function create(deps: HealthEndpointDeps, netnsPath: string): EndpointRow {
  const { ipv4, ipv6 } = deps.ipam.allocate(attachment.containerId);
  const addresses = [ipv4?.ip, ipv6?.ip].flatMap((address, index): PodAddress[] => {
    const family: Family = index === 0 ? 4 : 6;
    return address === undefined ? [] : [{ family, address, gateway: deps.ipam.router(family) ?? "" }];
  });
  mkdirSync(dirname(netnsPath), { recursive: true, mode: 0o700 });
  using netns = createNetns(netnsPath);
  using namespaces = new Namespaces(netns);
  const { device, route } = deps.mtu();
  const network = createPodNetwork(namespaces, {
    ...{ hostInterface: healthDevice, interfaceName: attachment.containerInterfaceName },
    ...{ netns, addresses, deviceMtu: device, routeMtu: route },
  });
  return deps.manager.create({
    ...attachment,
    ...{ netnsPath, interfaceName: healthDevice, ifindex: network.hostIfindex },
    ...{ mac: network.mac, nodeMac: network.hostMac, podNamespace: "", podName: "" },
    ...(ipv4 && { ipv4: ipv4.ip }),
    ...(ipv6 && { ipv6: ipv6.ip }),
    labels: Labels.of([{ source: "reserved", key: "health", value: "" }]),
  });
}
