// SPDX-License-Identifier: Apache-2.0
// One question on plain manifests: pods, namespaces, nodes and policies become a case with a single flow.

import { FormatError, isIp, NAMESPACE_KEY, nearest, podLabels } from "../../core/index.ts";
import type { ResourceRow } from "../../kubernetes/index.ts";
import { cidrGroupKind } from "../parse/cidr-group.ts";
import { isPolicyKind } from "../parse/policy.ts";
import { maxPort } from "../protocols.ts";
import type { CaseEndpoint, CaseFlow, CaseNode, PolicyCase } from "./types.ts";

/** Who to whom: `[NAMESPACE/]POD`, a node's name, an address or an entity; and `80/TCP` or `8/ICMP`. */
export interface Question {
  readonly from: string;
  readonly to: string;
  readonly port: string;
}

type Fields = Readonly<Record<string, unknown>>;

const hostName = "host";
const entities: ReadonlyMap<string, string> = new Map([
  ["world", "reserved:world-ipv4"],
  ...["world-ipv4", "world-ipv6", "remote-node", "kube-apiserver", "health", "ingress", "init", "unmanaged"].map(
    (name): [string, string] => [name, `reserved:${name}`],
  ),
]);

/** The case of a question. Throws FormatError for pods that are not there and for a bad port. */
export function questionCase(resources: readonly ResourceRow[], question: Question): PolicyCase {
  const of = (kind: string) => resources.filter((row) => row.kind === kind);
  const namespaces = namespaceLabels(resources);
  const endpoints = of("Pod").map((row) => endpointOf(row, namespaces));
  const nodes: readonly CaseNode[] = [{ name: hostName, ip: "127.0.0.1", local: true }, ...of("Node").map(nodeOf)];
  const names = [...endpoints, ...nodes].map(({ name }) => name);
  return {
    id: "question",
    config: { hostFirewall: true, nodeSelectorLabels: true },
    manifests: resources.filter(({ kind }) => isPolicyKind(kind) || kind === cidrGroupKind).map(({ object }) => object),
    endpoints,
    nodes,
    flows: [{ from: endOf(question.from, names), to: endOf(question.to, names), ...portOf(question.port) }],
  };
}

/** Labels of each namespace that has an object. */
export function namespaceLabels(
  resources: readonly ResourceRow[],
): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const rows = resources.filter(({ kind }) => kind === "Namespace");
  return new Map(rows.map(({ name, object }) => [name, labelsOf(object)]));
}

function endOf(text: string, names: readonly string[]): string {
  const entity = entities.get(text);
  const found = [text, `default/${text}`].find((name) => names.includes(name));
  if (found !== undefined) return found;
  if (entity !== undefined) return entity;
  if (isIp(text)) return text;
  const close = nearest(text.includes("/") ? text : `default/${text}`, names);
  const hint = close === undefined ? "" : ` (did you mean "${close}"?)`;
  throw new FormatError(`Cannot find "${text}": no pod or node of the manifests, no address, no entity${hint}`);
}

function portOf(text: string): Pick<CaseFlow, "proto" | "port"> {
  const [number, proto] = /^([0-9]{1,5})\/(TCP|UDP|SCTP|ICMP|ICMPv6)$/i.exec(text)?.slice(1) ?? [];
  if (number === undefined || proto === undefined || Number(number) > maxPort) {
    throw new FormatError(`Cannot use port "${text}": NUMBER/PROTOCOL expected (TCP, UDP, SCTP, ICMP or ICMPv6)`);
  }
  return { proto, port: Number(number) };
}

/** A pod as a cluster labels it, with its address and named ports. */
export function endpointOf(
  row: ResourceRow,
  namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>,
): CaseEndpoint {
  const { namespace, name, object } = row;
  const spec = fields(object.spec);
  const serviceAccount = text(spec.serviceAccountName);
  const ip = text(fields(object.status).podIP);
  const labels = podLabels({
    namespace,
    cluster: "default",
    serviceAccount: serviceAccount ?? "default",
    labels: labelsOf(object),
    namespaceLabels: { "kubernetes.io/metadata.name": namespace, ...namespaces.get(namespace) },
  });
  return {
    name: `${namespace}/${name}`,
    ...(ip === undefined ? {} : { ip }),
    labels: labels.toStrings(),
    ports: list(spec.containers).flatMap((container) => list(fields(container).ports).flatMap(namedPortOf)),
  };
}

function namedPortOf(port: unknown): NonNullable<CaseEndpoint["ports"]> {
  const { name, containerPort, protocol } = fields(port);
  if (typeof name !== "string" || typeof containerPort !== "number") return [];
  return [{ name, port: containerPort, protocol: text(protocol) ?? "TCP" }];
}

/** A node with its first internal address. */
export function nodeOf({ name, object }: ResourceRow): CaseNode {
  const addresses = list(fields(object.status).addresses).map(fields);
  const internal = addresses.find(({ type }) => type === "InternalIP");
  const labels = Object.entries(labelsOf(object)).map(([key, value]) => `${key}=${value}`);
  return { name, ip: text(internal?.address) ?? "192.0.2.1", labels };
}

function labelsOf(object: Fields): Readonly<Record<string, string>> {
  const labels = Object.entries(fields(fields(object.metadata).labels));
  return Object.fromEntries(
    labels.filter(([key]) => key !== NAMESPACE_KEY).map(([key, value]) => [key, String(value)]),
  );
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
