// SPDX-License-Identifier: Apache-2.0
// Named ports of pods: from Pod objects into announcements, and from the ipcache, which has all nodes' pods, into policy.
import type { Module, ReadonlyTable } from "../../src/core/index.ts";
import type { IpcacheRow, PodPort } from "../../src/ipcache/index.ts";
import { type ResourceRow, resourceId } from "../../src/kubernetes/index.ts";
import { IpProtocol, type PolicyEngine } from "../../src/policy/index.ts";

const protocols: ReadonlyMap<string, number> = new Map([
  ["TCP", IpProtocol.tcp],
  ["UDP", IpProtocol.udp],
  ["SCTP", IpProtocol.sctp],
]);

interface ContainerPort {
  readonly name?: unknown;
  readonly containerPort?: unknown;
  readonly protocol?: unknown;
}

/** The named ports of all containers of a Pod object; none when it is not there. Names are in lower case. */
export function portsOfPod(
  resources: ReadonlyTable<ResourceRow, string>,
  namespace: string,
  name: string,
): readonly PodPort[] {
  const pod = resources.get(resourceId("Pod", namespace, name));
  const spec = pod?.object.spec as { containers?: readonly { ports?: readonly ContainerPort[] | null }[] } | undefined;
  if (!Array.isArray(spec?.containers)) return [];
  return spec.containers.flatMap(({ ports }) => (Array.isArray(ports) ? ports.flatMap(namedPort) : []));
}

function namedPort({ name, containerPort, protocol = "TCP" }: ContainerPort): readonly PodPort[] {
  const number = typeof protocol === "string" ? protocols.get(protocol.toUpperCase()) : undefined;
  if (typeof name !== "string" || name === "" || number === undefined) return [];
  if (typeof containerPort !== "number" || !Number.isInteger(containerPort)) return [];
  if (containerPort < 1 || containerPort > 65535) return [];
  return [{ name: name.toLowerCase(), protocol: number, port: containerPort }];
}

export interface NamedPortsDeps {
  readonly engine: Pick<PolicyEngine, "setNamedPorts">;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
}

/** Follows the ipcache: an identity has the named ports of all pods with it. */
export function createNamedPorts({ engine, ipcache }: NamedPortsDeps): Module {
  let watch: Disposable | undefined;
  const told = new Set<number>();
  const tell = (identity: number) => {
    const ports = new Map<string, PodPort>();
    for (const { namedPorts = [] } of ipcache.by("identity", identity)) {
      for (const port of namedPorts) ports.set(JSON.stringify(port), port);
    }
    if (ports.size === 0 && !told.delete(identity)) return;
    if (ports.size > 0) told.add(identity);
    engine.setNamedPorts(identity, [...ports.values()]);
  };
  return {
    name: "named-ports",
    async start() {
      for (const identity of new Set(Array.from(ipcache.all(), (row) => row.identity))) tell(identity);
      watch = ipcache.onChange((batch) => {
        const concerned = new Set<number>();
        for (const change of batch) {
          const rows = change.kind === "upsert" ? [change.row, change.previous] : [change.row];
          for (const row of rows) if (row?.namedPorts !== undefined) concerned.add(row.identity);
        }
        for (const identity of concerned) tell(identity);
      });
    },
    async stop() {
      watch?.[Symbol.dispose]();
    },
  };
}
