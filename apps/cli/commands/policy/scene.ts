// SPDX-License-Identifier: Apache-2.0
// What policies are looked at against: the agent's identities and endpoints, or manifests.
import type { Endpoint, Identity, IPListEntry } from "../../../../src/api/index.ts";
import { Labels, parseCidr } from "../../../../src/core/index.ts";
import { parseManifests, type ResourceRow } from "../../../../src/kubernetes/index.ts";
import {
  type EnforcementMode,
  type NamedPort,
  type ParsePolicyOptions,
  type PolicyEngineOptions,
  parsePolicy,
  parseReferences,
  protocolNumbers,
  type SceneEndpoint,
  type SceneSource,
  sceneOfManifests,
} from "../../../../src/policy/index.ts";
import type { Context } from "../../context.ts";
import { type Call, listOption } from "../../define.ts";
import { readInput, shownName } from "./read.ts";

/** Options of the engine and the parser together. */
export type SceneOptions = PolicyEngineOptions & ParsePolicyOptions;

/** Somebody by address. */
interface NamedAddress {
  readonly name: string;
  readonly ip: string;
}

/** A scene, and what validation asks besides. */
export interface LoadedScene extends SceneSource {
  readonly options: SceneOptions;
  /** Pods of the whole cluster, and nodes, as far as they are known. */
  readonly pods?: readonly NamedAddress[];
  readonly nodes?: readonly NamedAddress[];
}

/** Loads what `--manifests` names, or else what the agent knows now. */
export function loadScene(context: Context, call: Call): Promise<LoadedScene> {
  const files = listOption(call, "manifests");
  return files.length > 0 ? fromManifests(context, files) : fromAgent(context);
}

async function fromManifests(context: Context, files: readonly string[]): Promise<LoadedScene> {
  const rows = [];
  for (const file of files) rows.push(...parseManifests(await readInput(context, file), shownName(file)));
  const options: SceneOptions = { nodeSelectorLabels: true };
  const source = sceneOfManifests(rows, options);
  const pods = source.endpoints.flatMap(({ name, addresses = [] }) => addresses.map((ip) => ({ name, ip })));
  return { ...source, options, pods, nodes: nodeAddresses(rows) };
}

/** What the agent knows. */
async function fromAgent(context: Context): Promise<LoadedScene> {
  const client = context.client();
  const [config, policy, references, identities, endpoints, ips, nodes] = await Promise.all([
    client.getConfig(),
    client.getPolicy(),
    client.policyReferences(),
    client.listIdentities(),
    client.listEndpoints(),
    client.listIps(),
    client.nodes(),
  ]);
  const values = config.status.daemonConfigurationMap;
  const options = optionsOf(values, config.spec["policy-enforcement"]);
  const resources = JSON.parse(policy.policy === "" ? "[]" : policy.policy) as readonly unknown[];
  return {
    options,
    ...parseReferences(references),
    families:
      values["enable-ipv4"] === false || values["enable-ipv6"] === false ? ("single" as const) : ("dual" as const),
    identities: identities.map(({ id, labels }) => ({ id, labels: Labels.parse(labels) })),
    endpoints: endpoints.flatMap(sceneEndpoints),
    prefixes: ips.map(({ cidr, identity }) => ({ cidr: parseCidr(cidr), identity })),
    pods: podAddresses(ips, identities, endpoints),
    nodes: (nodes["nodes-added"] ?? []).flatMap(({ name, "primary-address": address }) =>
      [address?.ipv4?.ip, address?.ipv6?.ip].flatMap((ip) => (ip === undefined ? [] : [{ name, ip }])),
    ),
    policies: resources.map((resource) => parsePolicy(resource, { ...options, origin: "agent" })),
  };
}

function optionsOf(values: Readonly<Record<string, unknown>>, mode: EnforcementMode | undefined): SceneOptions {
  const cluster = values["cluster-name"];
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(typeof cluster === "string" ? { cluster } : {}),
    hostFirewall: values["enable-host-firewall"] === true,
    nodeSelectorLabels: values["enable-node-selector-labels"] === true,
    cidrMatchMode: wordsOf(values["policy-cidr-match-mode"]),
    policyDefaultLocalCluster: values["policy-default-local-cluster"] !== false,
  };
}

function sceneEndpoints({ id, status }: Endpoint): readonly SceneEndpoint[] {
  if (status.identity === undefined) return [];
  const name = status["external-identifiers"]["pod-name"] ?? `endpoint ${id}`;
  const labels = Labels.parse(status.identity.labels);
  const addresses = status.networking.addressing.flatMap(({ ipv4, ipv6 }) =>
    [ipv4, ipv6].filter((ip) => ip !== undefined),
  );
  const namedPorts = (status.namedPorts ?? []).flatMap(namedPort);
  return [{ id, name, identity: status.identity.id, labels, namedPorts, addresses }];
}

function namedPort({ name, port, protocol }: { name: string; port: number; protocol: string }): readonly NamedPort[] {
  return protocolNumbers(protocol).map((number) => ({ name, port, protocol: number }));
}

/** Of every identity that has a namespace; pods of this node by name, others by their identity. */
function podAddresses(
  ips: readonly IPListEntry[],
  identities: readonly Identity[],
  endpoints: readonly Endpoint[],
): readonly NamedAddress[] {
  const pods = new Set(
    identities.filter(({ labels }) => labels.some((label) => label.startsWith(podNamespace))).map(({ id }) => id),
  );
  const names = new Map(
    endpoints.flatMap(({ status }) =>
      status.networking.addressing.flatMap(({ ipv4, ipv6 }) =>
        [ipv4, ipv6].map((ip) => [ip, status["external-identifiers"]["pod-name"]] as const),
      ),
    ),
  );
  return ips
    .filter(({ identity }) => pods.has(identity))
    .map(({ cidr, identity }) => {
      const [ip = ""] = cidr.split("/");
      return { ip, name: names.get(ip) ?? `identity ${identity}` };
    });
}

const podNamespace = "k8s:io.kubernetes.pod.namespace=";

function nodeAddresses(rows: readonly ResourceRow[]): readonly NamedAddress[] {
  return rows
    .filter(({ kind }) => kind === "Node")
    .flatMap(({ name, object }) => {
      const { status } = object as { readonly status?: { readonly addresses?: readonly { address?: unknown }[] } };
      const addresses = Array.isArray(status?.addresses) ? status.addresses : [];
      return addresses.flatMap(({ address }) => (typeof address === "string" ? [{ name, ip: address }] : []));
    });
}

function wordsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" ? value.split(/[\s,]+/).filter((word) => word !== "") : [];
}
