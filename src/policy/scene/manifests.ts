// SPDX-License-Identifier: Apache-2.0
// A scene from manifests alone: pods and deployments, namespaces, nodes, policies. Without an agent and without a cluster.
import { Labels, type PodLabelInput, podLabels } from "../../core/index.ts";
import { Identity, reservedIdentityRows } from "../../identity/index.ts";
import type { ResourceRow } from "../../kubernetes/index.ts";
import type { PolicyEngineOptions } from "../engine/engine.ts";
import { cidrGroupKind, parseCidrGroup } from "../parse/cidr-group.ts";
import { isPolicyKind, type ParsePolicyOptions, parsePolicy } from "../parse/policy.ts";
import { protocolNumbers } from "../protocols.ts";
import type { NamedPort, PolicyIdentity } from "../types.ts";
import type { SceneEndpoint, SceneSource } from "./scene.ts";

const firstIdentity = 256;
const cluster = "default";

/** Reads a scene. Objects of other kinds are left out. Throws PolicyParseError for a bad policy, FormatError for a bad label. */
export function sceneOfManifests(
  rows: readonly ResourceRow[],
  options: PolicyEngineOptions & ParsePolicyOptions = {},
): SceneSource {
  const identities = new Map<string, PolicyIdentity>();
  const endpoints: SceneEndpoint[] = [];
  for (const row of rows) {
    const pod = podOf(row, rows);
    if (pod === undefined) continue;
    const id = identities.get(pod.labels.canonical)?.id ?? firstIdentity + identities.size;
    identities.set(pod.labels.canonical, { id, labels: pod.labels });
    const ip = at(row.object, "status", "podIP");
    const addresses = typeof ip === "string" ? [ip] : [];
    endpoints.push({ name: `${row.namespace}/${row.name}`, identity: id, namedPorts: pod.namedPorts, addresses });
  }
  const [host] = rows.filter(({ kind }) => kind === "Node");
  if (host !== undefined) endpoints.push(hostOf(host));
  return {
    options,
    families: "dual",
    identities: [...reservedIdentityRows(), ...identities.values()],
    endpoints,
    policies: rows
      .filter(({ kind }) => isPolicyKind(kind))
      .map(({ object, origin }) => parsePolicy(object, { ...options, origin })),
    cidrGroups: rows.filter(({ kind }) => kind === cidrGroupKind).map(({ object }) => parseCidrGroup(object)),
  };
}

interface ScenePod {
  readonly labels: Labels;
  readonly namedPorts: readonly NamedPort[];
}

/** The pod that an object is, or makes. */
function podOf({ kind, object, namespace }: ResourceRow, rows: readonly ResourceRow[]): ScenePod | undefined {
  const template = kind === "Deployment" ? at(object, "spec", "template") : kind === "Pod" ? object : undefined;
  if (template === undefined) return undefined;
  const row = rows.find((candidate) => candidate.kind === "Namespace" && candidate.name === namespace);
  const account = at(template, "spec", "serviceAccountName");
  const input: PodLabelInput = {
    namespace,
    labels: textsOf(at(template, "metadata", "labels")),
    namespaceLabels: { "kubernetes.io/metadata.name": namespace, ...textsOf(at(row?.object, "metadata", "labels")) },
    cluster,
    serviceAccount: typeof account === "string" ? account : "default",
  };
  return { labels: podLabels(input), namedPorts: namedPortsOf(at(template, "spec", "containers")) };
}

function namedPortsOf(containers: unknown): readonly NamedPort[] {
  return listOf(containers).flatMap((container) =>
    listOf(at(container, "ports")).flatMap((item): NamedPort[] => {
      const [name, port, protocol = "TCP"] = ["name", "containerPort", "protocol"].map((field) => at(item, field));
      if (typeof name !== "string" || typeof port !== "number") return [];
      return protocolNumbers(String(protocol)).map((number) => ({ name: name.toLowerCase(), protocol: number, port }));
    }),
  );
}

/** The node that policies with a nodeSelector are tried on. */
function hostOf({ object }: ResourceRow): SceneEndpoint {
  const labels = Object.entries(textsOf(at(object, "metadata", "labels"))).map(([key, value]) => `${key}=${value}`);
  return {
    name: "host",
    identity: Identity.host,
    labels: Labels.parse(["reserved:host"]).with(Labels.parse(labels, "k8s")),
  };
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((item): item is [string, string] => typeof item[1] === "string"),
  );
}
