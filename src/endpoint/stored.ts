// SPDX-License-Identifier: Apache-2.0
// Between an endpoint's row and what is kept of it on disk.
import { doneStatus, FormatError, Labels } from "../core/index.ts";
import type { SlavePlace } from "../datapath/index.ts";
import { readOptions } from "./options.ts";
import { EndpointStore, type StoredEndpoint } from "./store.ts";
import type { EndpointRow } from "./types.ts";

/** What has to be kept to restore the endpoint. */
export function toStored(row: EndpointRow): StoredEndpoint {
  return {
    version: 1,
    id: row.id,
    containerId: row.containerId,
    containerInterfaceName: row.containerInterfaceName,
    netnsPath: row.netnsPath,
    interfaceName: row.interfaceName,
    ifindex: row.ifindex,
    mac: row.mac,
    nodeMac: row.nodeMac,
    ...(row.ipv4 === undefined ? {} : { ipv4: row.ipv4 }),
    ...(row.ipv6 === undefined ? {} : { ipv6: row.ipv6 }),
    podNamespace: row.podNamespace,
    podName: row.podName,
    ...(row.podUid === undefined ? {} : { podUid: row.podUid }),
    ...(row.options === undefined ? {} : { options: row.options }),
    ...(row.traits === undefined ? {} : { traits: row.traits }),
    ...(row.network === undefined ? {} : { network: row.network }),
    labels: row.labels.toStrings(),
    ...(row.identity === undefined ? {} : { identity: row.identity }),
  };
}

/** The row of an endpoint read back: in force in the kernel as it was left, not yet confirmed. */
export function fromStored(stored: StoredEndpoint, now: number): EndpointRow {
  const { version: _, labels, ipv4, ipv6, podUid, identity, options, auditMode, traits, network, ...rest } = stored;
  return {
    ...rest,
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(podUid === undefined ? {} : { podUid }),
    ...(identity === undefined ? {} : { identity }),
    ...readOptions({ options, auditMode }),
    ...(traits === undefined ? {} : { traits }),
    ...(network === undefined ? {} : { network }),
    labels: Labels.parse(labels),
    phase: "restoring",
    status: doneStatus(now),
    generation: 0,
    log: [{ time: now, state: "restoring", code: "OK", message: "Restored from the state folder" }],
  };
}

/** Identities of the endpoints stored in a folder, each label set once. What cannot be read is told by restoring it. */
export function storedIdentities(directory: string): { id: number; labels: Labels }[] {
  const byLabels = new Map<string, { id: number; labels: Labels }>();
  for (const stored of new EndpointStore(directory).read().endpoints) {
    const labels = parsed(stored.labels);
    if (stored.identity === undefined || labels === undefined || byLabels.has(labels.canonical)) continue;
    byLabels.set(labels.canonical, { id: stored.identity, labels });
  }
  return [...byLabels.values()];
}

function parsed(labels: readonly string[]): Labels | undefined {
  try {
    return Labels.parse(labels);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Where the devices of stored endpoints are that are ipvlan slaves. */
export function storedSlaves(directory: string): readonly SlavePlace[] {
  const slaves = new EndpointStore(directory).read().endpoints.filter(({ traits }) => traits?.ipvlan === true);
  return slaves.map(({ netnsPath, containerInterfaceName }) => ({ netnsPath, interfaceName: containerInterfaceName }));
}
