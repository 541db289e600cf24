// SPDX-License-Identifier: Apache-2.0
// A scene from manifests alone: pods and deployments, namespaces, nodes, policies. Without an agent and without a cluster.
import { Labels } from "../../core/index.ts";
import { Identity, reservedIdentityRows } from "../../identity/index.ts";
import type { ResourceRow } from "../../kubernetes/index.ts";
import type { PolicyEngineOptions } from "../engine/engine.ts";
import type { ServicePeers } from "../engine/references.ts";
import { cidrGroupKind, parseCidrGroup } from "../parse/cidr-group.ts";
import { isPolicyKind, type ParsePolicyOptions, parsePolicy } from "../parse/policy.ts";
import { protocolNumbers } from "../protocols.ts";
import { endpointKinds, ServiceSlices, servicePeers } from "../services.ts";
import { endpointOf, namespaceLabels, nodeOf } from "../simulate/question.ts";
import type { PolicyIdentity } from "../types.ts";
import type { SceneEndpoint, SceneSource } from "./scene.ts";

const firstIdentity = 256;

/** Reads a scene. Objects of other kinds are left out. Throws PolicyParseError for a bad policy, FormatError for a bad label. */
export function sceneOfManifests(
  rows: readonly ResourceRow[],
  options: PolicyEngineOptions & ParsePolicyOptions = {},
): SceneSource {
  const identities = new Map<string, PolicyIdentity>();
  const endpoints: SceneEndpoint[] = [];
  const namespaces = namespaceLabels(rows);
  for (const row of rows.flatMap(podRow)) {
    const { ip, labels: texts, ports = [] } = endpointOf(row, namespaces);
    const labels = Labels.parse(texts);
    const id = identities.get(labels.canonical)?.id ?? firstIdentity + identities.size;
    identities.set(labels.canonical, { id, labels });
    endpoints.push({
      ...{ name: `${row.namespace}/${row.name}`, identity: id, addresses: ip === undefined ? [] : [ip] },
      namedPorts: ports.flatMap(({ name, port, protocol = "TCP" }) =>
        protocolNumbers(protocol).map((number) => ({ name: name.toLowerCase(), protocol: number, port })),
      ),
    });
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
    services: servicesOf(rows, options.cluster ?? "default"),
  };
}

function servicesOf(rows: readonly ResourceRow[], cluster: string): readonly ServicePeers[] {
  const slices = new ServiceSlices();
  for (const row of rows) if (endpointKinds.has(row.kind)) slices.upsert(row);
  return rows.filter(({ kind }) => kind === "Service").map((row) => servicePeers(row, slices.of(row.id), cluster));
}

/** The row of a pod, or of the pod that a deployment makes; none for other kinds. */
function podRow(row: ResourceRow): readonly ResourceRow[] {
  if (row.kind === "Pod") return [row];
  if (row.kind !== "Deployment") return [];
  const { spec } = row.object as { readonly spec?: { readonly template?: Readonly<Record<string, unknown>> } };
  return [{ ...row, object: spec?.template ?? {} }];
}

/** The node that policies with a nodeSelector are tried on. */
function hostOf(row: ResourceRow): SceneEndpoint {
  const labels = Labels.parse(nodeOf(row).labels ?? [], "k8s");
  return { name: "host", identity: Identity.host, labels: Labels.parse(["reserved:host"]).with(labels) };
}
