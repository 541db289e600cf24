// SPDX-License-Identifier: Apache-2.0
// Tables of `get`, with the columns that kubectl shows. Pure.
import type { Found } from "./get.ts";
import { nameOf, namespaceOf } from "./get.ts";
import type { KubernetesObject } from "./objects.ts";

type Column = readonly [title: string, cell: (object: KubernetesObject) => string];

interface PodLike {
  spec: { nodeName?: string };
  status: {
    phase: string;
    podIPs?: { ip: string }[];
    containerStatuses: { ready: boolean; restartCount: number; state: { terminated?: { reason: string } } }[];
  };
}
interface NodeLike {
  spec: { podCIDRs: string[] };
  status: { addresses: { type: string; address: string }[]; conditions: { status: string }[] };
}
interface DeploymentLike {
  spec: { replicas?: number };
  status: { replicas: number; readyReplicas: number };
}
interface ServiceLike {
  spec: { type?: string; clusterIP?: string; ports?: { port: number; protocol?: string }[] };
}

const as = <T>(object: KubernetesObject): T => object as unknown as T;

const columns: Readonly<Record<string, readonly Column[]>> = {
  Pod: [
    ["READY", (object) => readyCount(as<PodLike>(object))],
    ["STATUS", (object) => podStatus(as<PodLike>(object))],
    [
      "RESTARTS",
      (object) => String(as<PodLike>(object).status.containerStatuses.reduce((n, c) => n + c.restartCount, 0)),
    ],
    [
      "IP",
      (object) =>
        as<PodLike>(object)
          .status.podIPs?.map(({ ip }) => ip)
          .join(",") ?? "<none>",
    ],
    ["NODE", (object) => as<PodLike>(object).spec.nodeName ?? "<none>"],
  ],
  Node: [
    ["STATUS", (object) => (as<NodeLike>(object).status.conditions[0]?.status === "True" ? "Ready" : "NotReady")],
    ["INTERNAL-IP", (object) => internalIps(as<NodeLike>(object))],
    ["POD-CIDR", (object) => as<NodeLike>(object).spec.podCIDRs.join(",")],
  ],
  Deployment: [
    [
      "READY",
      (object) => `${as<DeploymentLike>(object).status.readyReplicas}/${as<DeploymentLike>(object).spec.replicas ?? 1}`,
    ],
  ],
  Namespace: [["STATUS", () => "Active"]],
  Service: [
    ["TYPE", (object) => as<ServiceLike>(object).spec.type ?? "ClusterIP"],
    ["CLUSTER-IP", (object) => as<ServiceLike>(object).spec.clusterIP ?? "<none>"],
    ["PORT(S)", (object) => servicePorts(as<ServiceLike>(object))],
  ],
};

/** Lines of the table; a sentence when there is nothing. */
export function formatTable({ kind, items }: Found, options: { allNamespaces: boolean; namespace: string }): string[] {
  if (items.length === 0) {
    return [
      kind.namespaced && !options.allNamespaces
        ? `No resources found in ${options.namespace} namespace.`
        : "No resources found.",
    ];
  }
  const own = columns[kind.kind] ?? [];
  const namespace: readonly Column[] = kind.namespaced && options.allNamespaces ? [["NAMESPACE", namespaceOf]] : [];
  const all: readonly Column[] = [...namespace, ["NAME", nameOf], ...own];
  return alignColumns([all.map(([title]) => title), ...items.map((item) => all.map(([, cell]) => cell(item)))]);
}

/** Pads every column to its widest cell, three spaces between. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("   ")
      .trimEnd(),
  );
}

function readyCount({ status }: PodLike): string {
  return `${status.containerStatuses.filter((container) => container.ready).length}/${status.containerStatuses.length}`;
}

function podStatus({ status }: PodLike): string {
  const ended = status.containerStatuses.find((container) => container.state.terminated !== undefined);
  return ended?.state.terminated?.reason ?? status.phase;
}

function internalIps({ status }: NodeLike): string {
  return status.addresses
    .filter(({ type }) => type === "InternalIP")
    .map(({ address }) => address)
    .join(",");
}

function servicePorts({ spec }: ServiceLike): string {
  return (spec.ports ?? []).map(({ port, protocol }) => `${port}/${protocol ?? "TCP"}`).join(",") || "<none>";
}
