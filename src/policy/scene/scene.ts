// SPDX-License-Identifier: Apache-2.0
// What is known of a cluster, as lint, diff and trace look at it: whom policies select, and who their peers can be.
import { type Cidr, cidrContains, formatCidr, hostCidr, type Labels } from "../../core/index.ts";
import { Identity } from "../../identity/index.ts";
import { PolicyEngine, type PolicyEngineOptions } from "../engine/engine.ts";
import type { ServicePeers } from "../engine/references.ts";
import { namespaceKey } from "../names.ts";
import type { CidrGroup } from "../parse/cidr-group.ts";
import { prefixSelector } from "../selectors/address-selector.ts";
import { cidrOfLabelKey } from "../selectors/addresses.ts";
import type { NamedPort, ParsedPolicy, PolicyIdentity } from "../types.ts";
import { addressLabels, type Families, selectorsOf } from "./addresses.ts";

/** A pod, or the host, by its identity; several may share one. */
export interface SceneEndpoint {
  /** `namespace/pod`, or `host`. */
  readonly name: string;
  readonly identity: number;
  /** As policies select it, where that is not the identity's labels: the host, by its node's labels. */
  readonly labels?: Labels;
  readonly namedPorts?: readonly NamedPort[];
  readonly addresses?: readonly string[];
  /** Its number on this node, where it has one. */
  readonly id?: number;
}

/** Addresses of one identity. */
export interface ScenePrefix {
  readonly cidr: Cidr;
  readonly identity: number;
}

/** What a scene is made of. */
export interface SceneSource {
  readonly options: PolicyEngineOptions;
  readonly families: Families;
  /** All that are known, reserved ones too. */
  readonly identities: readonly PolicyIdentity[];
  readonly endpoints: readonly SceneEndpoint[];
  /** Every policy that will be looked at; their prefixes and names get identities. */
  readonly policies: readonly ParsedPolicy[];
  readonly cidrGroups?: readonly CidrGroup[];
  readonly services?: readonly ServicePeers[];
  /** Whose an address is, as far as the agent's ipcache knows. */
  readonly prefixes?: readonly ScenePrefix[];
}

const firstLocalIdentity = 1 << 24;
const systemPrefix = "io.cilium.k8s.";

/** Makes engines that all know the same world. */
export class Scene {
  /** Identities of endpoints, rising. */
  readonly endpoints: readonly PolicyIdentity[];
  /** Everybody, rising. */
  readonly peers: readonly PolicyIdentity[];
  readonly #source: SceneSource;
  readonly #endpointsOf: ReadonlyMap<number, readonly SceneEndpoint[]>;
  readonly #names = new Map<number, string>();

  constructor(source: SceneSource) {
    this.#source = source;
    this.#endpointsOf = Map.groupBy(source.endpoints, ({ identity }) => identity);
    const absent = source.families === "dual" ? [Identity.world] : [Identity.worldIpv4, Identity.worldIpv6];
    const known = source.identities.filter(({ id }) => !(absent as readonly number[]).includes(id));
    const taken = new Set(known.map(({ labels }) => labels.canonical));
    let next = Math.max(firstLocalIdentity, ...known.map(({ id }) => id + 1));
    const groups = (source.cidrGroups ?? []).flatMap(({ cidrs }) => cidrs.map((cidr) => prefixSelector(cidr)));
    const backends = (source.services ?? []).flatMap((service) => service.backends);
    const outside = addressLabels([...selectorsOf(source.policies), ...groups, ...backends], source.families)
      .filter(({ canonical }) => !taken.has(canonical))
      .map((labels) => ({ id: next++, labels }));
    this.peers = [...known, ...outside].sort((a, b) => a.id - b.id);
    const subjects = new Map(source.endpoints.map(({ identity, labels }) => [identity, labels]));
    this.endpoints = this.peers.flatMap(({ id, labels }) =>
      subjects.has(id) ? [{ id, labels: subjects.get(id) ?? labels }] : [],
    );
    for (const peer of this.peers) this.#names.set(peer.id, this.#describe(peer));
  }

  /** An engine that knows everybody and has no policies; `overrides` go before the scene's options. */
  createEngine(overrides: PolicyEngineOptions = {}): PolicyEngine {
    const engine = new PolicyEngine({ ...this.#source.options, ...overrides });
    engine.upsertIdentities(this.peers);
    for (const { id } of this.endpoints) {
      const ports = (this.#endpointsOf.get(id) ?? []).flatMap(({ namedPorts = [] }) => namedPorts);
      engine.setNamedPorts(id, ports);
    }
    for (const group of this.#source.cidrGroups ?? []) engine.upsertCidrGroup(group);
    for (const service of this.#source.services ?? []) engine.upsertService(service);
    return engine;
  }

  /** As createEngine, with policies in force. */
  engineWith(policies: Iterable<ParsedPolicy>): PolicyEngine {
    const engine = this.createEngine();
    for (const policy of policies) engine.upsertParsed(policy);
    return engine;
  }

  /** An identity in a few words: its pods, its reserved name, its prefix, or its labels. */
  nameOf(identity: number): string {
    return this.#names.get(identity) ?? `identity ${identity}`;
  }

  /** The identity of an endpoint by its name or an address of its own. */
  identityOf(text: string): number | undefined {
    const { endpoints } = this.#source;
    return endpoints.find(({ name, addresses = [] }) => name === text || addresses.includes(text))?.identity;
  }

  /** The identity of an endpoint by its number on this node. */
  identityOfEndpoint(number: string): number | undefined {
    return this.#source.endpoints.find(({ id }) => id !== undefined && String(id) === number)?.identity;
  }

  /** The identity of the narrowest known prefix around an address. */
  identityAround(ip: string): number | undefined {
    let best: ScenePrefix | undefined;
    for (const prefix of [...(this.#source.prefixes ?? []), ...this.peers.flatMap(prefixesOf)]) {
      if (best !== undefined && prefix.cidr.bits <= best.cidr.bits) continue;
      if (cidrContains(prefix.cidr, hostCidr(ip))) best = prefix;
    }
    return best?.identity;
  }

  /** Names of all endpoints. */
  names(): readonly string[] {
    return this.#source.endpoints.map(({ name }) => name);
  }

  #describe({ id, labels }: PolicyIdentity): string {
    const pods = (this.#endpointsOf.get(id) ?? []).map(({ name }) => name);
    if (pods.length > 0) return pods.length > 2 ? `${pods[0]} and ${pods.length - 1} more` : pods.join(", ");
    return namesOutside(labels) ?? namesPod(labels) ?? (labels.toStrings().join(",") || `identity ${id}`);
  }
}

function prefixesOf({ id, labels }: PolicyIdentity): readonly ScenePrefix[] {
  return [...labels].flatMap(({ source, key }) =>
    source === "cidr" ? [{ cidr: cidrOfLabelKey(key), identity: id }] : [],
  );
}

function namesOutside(labels: Labels): string | undefined {
  for (const { source, key } of labels) {
    if (source === "cidr") return formatCidr(cidrOfLabelKey(key));
    if (source === "fqdn") return key;
  }
  return undefined;
}

/** `app=web in default`: the labels that are a pod's own. */
function namesPod(labels: Labels): string | undefined {
  const namespace = labels.get("k8s", namespaceKey);
  if (namespace === undefined) return undefined;
  const own = [...labels].filter(({ key }) => key !== namespaceKey && !key.startsWith(systemPrefix));
  const texts = own.map(({ source, key, value }) => `${source === "k8s" ? "" : `${source}:`}${key}=${value}`);
  return `${texts.join(",") || "pods without labels"} in ${namespace}`;
}
