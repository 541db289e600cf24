// SPDX-License-Identifier: Apache-2.0
// What policies are looked at against: the agent's identities and endpoints, or manifests.
import type { Endpoint } from "../../../../src/api/index.ts";
import { Labels, parseCidr } from "../../../../src/core/index.ts";
import { parseManifests } from "../../../../src/kubernetes/index.ts";
import {
  type EnforcementMode,
  type NamedPort,
  type ParsePolicyOptions,
  type PolicyEngineOptions,
  parsePolicy,
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

/** Loads what `--manifests` names, or else what the agent knows now. */
export function loadScene(context: Context, call: Call): Promise<SceneSource & { readonly options: SceneOptions }> {
  const files = listOption(call, "manifests");
  return files.length > 0 ? fromManifests(context, files) : fromAgent(context);
}

async function fromManifests(context: Context, files: readonly string[]) {
  const rows = [];
  for (const file of files) rows.push(...parseManifests(await readInput(context, file), shownName(file)));
  const options: SceneOptions = { nodeSelectorLabels: true };
  return { ...sceneOfManifests(rows, options), options };
}

/** What the agent knows. */
async function fromAgent(context: Context) {
  const client = context.client();
  const [config, policy, identities, endpoints, ips] = await Promise.all([
    client.getConfig(),
    client.getPolicy(),
    client.listIdentities(),
    client.listEndpoints(),
    client.listIps(),
  ]);
  const values = config.status.daemonConfigurationMap;
  const options = optionsOf(values, config.spec["policy-enforcement"]);
  const resources = JSON.parse(policy.policy === "" ? "[]" : policy.policy) as readonly unknown[];
  return {
    options,
    families:
      values["enable-ipv4"] === false || values["enable-ipv6"] === false ? ("single" as const) : ("dual" as const),
    identities: identities.map(({ id, labels }) => ({ id, labels: Labels.parse(labels) })),
    endpoints: endpoints.flatMap(sceneEndpoints),
    prefixes: ips.map(({ cidr, identity }) => ({ cidr: parseCidr(cidr), identity })),
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
