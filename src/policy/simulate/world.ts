// SPDX-License-Identifier: Apache-2.0
// A case's cluster in the agent's own engine: policies, identities of pods, nodes and addresses, named ports.
import { hostCidr, isIp, Labels, parseCidr } from "../../core/index.ts";
import { Identity } from "../../identity/index.ts";
import { PolicyEngine } from "../engine/engine.ts";
import { PolicyParseError } from "../errors.ts";
import { clusterKey } from "../names.ts";
import { cidrGroupKind, parseCidrGroup } from "../parse/cidr-group.ts";
import { parsePolicy } from "../parse/policy.ts";
import { protocolsByName } from "../protocols.ts";
import { cidrLabel, fqdnLabel } from "../selectors/addresses.ts";
import type { NameCondition, NamedPort, ParsedPolicy } from "../types.ts";
import { matchesDnsName } from "./dns-pattern.ts";
import type { CaseEndpoint, CaseNode, PolicyCase, Rejection } from "./types.ts";

/** One end of a flow. */
export interface FlowEnd {
  /** As a peer. */
  readonly identity: number;
  /** As a subject of policies; undefined: nothing enforces there. */
  readonly subject: Labels | undefined;
}

const localCluster = "default";

/** The cluster that a case describes. Policies that are refused are not in force. */
export class World {
  readonly engine: PolicyEngine;
  readonly rejected: readonly Rejection[];
  readonly #case: PolicyCase;
  readonly #conditions: readonly NameCondition[];
  /** Names by address. */
  readonly #names: ReadonlyMap<string, readonly string[]>;
  readonly #ends = new Map<string, FlowEnd>();
  readonly #identities = new Map<string, number>();
  #next = 256;

  /** `lenient`: objects are read as Cilium's engine reads them; else as the agent does. */
  constructor(vector: PolicyCase, lenient: boolean) {
    this.#case = vector;
    const { enforcement, allowLocalhost, hostFirewall = false } = vector.config ?? {};
    this.engine = new PolicyEngine({
      mode: enforcement ?? "default",
      allowLocalhost: allowLocalhost !== "policy",
      hostFirewall,
    });
    const { policies, rejected } = this.#read(lenient);
    this.rejected = rejected;
    this.#conditions = [...new Map(policies.flatMap(namesOf).map((name) => [JSON.stringify(name), name])).values()];
    this.#names = namesByAddress(vector.fqdn ?? {});
    for (const endpoint of vector.endpoints) this.#addEndpoint(endpoint);
    for (const node of vector.nodes ?? []) this.#addNode(node);
    for (const { from, to } of vector.flows) for (const name of [from, to]) this.end(name);
    for (const policy of policies) this.engine.upsertParsed(policy);
  }

  /** The end of a flow: the name of a pod or node, `reserved:NAME`, or an address. Throws when it is none of them. */
  end(name: string): FlowEnd {
    const known = this.#ends.get(name);
    if (known !== undefined) return known;
    if (name.startsWith("reserved:")) return this.#add(name, Labels.parse([name]), undefined);
    if (isIp(name)) return this.#add(name, this.#addressLabels(name), undefined);
    throw new Error(`Cannot find "${name}": neither an endpoint, a node, reserved:NAME nor an address`);
  }

  #read(lenient: boolean): { readonly policies: readonly ParsedPolicy[]; readonly rejected: readonly Rejection[] } {
    const {
      policyDefaultLocalCluster = true,
      nodeSelectorLabels = false,
      policyCIDRMatchMode,
    } = this.#case.config ?? {};
    const options = {
      policyDefaultLocalCluster,
      nodeSelectorLabels,
      cidrMatchMode: policyCIDRMatchMode ?? [],
      lenient,
    };
    const policies: ParsedPolicy[] = [];
    const rejected: Rejection[] = [];
    for (const [manifest, resource] of this.#case.manifests.entries()) {
      try {
        if (isCidrGroup(resource)) this.engine.upsertCidrGroup(parseCidrGroup(resource, undefined, { lenient }));
        else policies.push(parsePolicy(resource, options));
      } catch (error) {
        if (!(error instanceof PolicyParseError)) throw error;
        rejected.push({ manifest, reason: error.reason, message: error.message });
      }
    }
    return { policies, rejected };
  }

  #addEndpoint({ name, ip, labels, ports = [] }: CaseEndpoint): void {
    const subject = Labels.parse(labels);
    const cluster = subject.get("k8s", clusterKey);
    const peer = ip === undefined ? subject : this.#withAddress(subject, ip, "pods");
    const named = ports.flatMap(namedPorts);
    const end = this.#add(name, peer, cluster === undefined || cluster === localCluster ? subject : undefined, named);
    this.engine.setNamedPorts(end.identity, named);
  }

  #addNode({ name, ip, labels = [], local = false, kubeAPIServer = false }: CaseNode): void {
    const { hostFirewall = false, nodeSelectorLabels = false } = this.#case.config ?? {};
    if (local) {
      const host = Labels.parse(["reserved:host"]);
      const subject = host.with(Labels.parse(labels, "k8s"));
      this.#add(name, this.#withAddress(host, ip, "nodes"), hostFirewall ? subject : undefined);
      return;
    }
    const own = nodeSelectorLabels
      ? [...labels.map((label) => `node:${label}`), `k8s:${clusterKey}=${localCluster}`]
      : [];
    const server = kubeAPIServer ? ["reserved:kube-apiserver"] : [];
    this.#add(
      name,
      this.#withAddress(Labels.parse(["reserved:remote-node", ...server, ...own]), ip, "nodes"),
      undefined,
    );
  }

  /** With the match mode, CIDR rules match these by address too. */
  #withAddress(labels: Labels, ip: string, mode: string): Labels {
    if (this.#case.config?.policyCIDRMatchMode?.includes(mode) !== true) return labels;
    return labels.with([cidrLabel(parseCidr(hostCidr(ip)))]);
  }

  #addressLabels(ip: string): Labels {
    const dualStack = this.#case.config?.ipv6 !== false;
    const world = dualStack ? (ip.includes(":") ? "world-ipv6" : "world-ipv4") : "world";
    const server = this.#case.kubeAPIServer?.includes(ip) === true ? ["reserved:kube-apiserver"] : [];
    const names = this.#names.get(ip) ?? [];
    const met = this.#conditions.filter((condition) => names.some((name) => matchesDnsName(condition, name)));
    const address = [cidrLabel(parseCidr(hostCidr(ip))), ...met.map(fqdnLabel)];
    return Labels.parse([`reserved:${world}`, ...server]).with(address);
  }

  /** Ends with equal labels and ports have one identity. */
  #add(name: string, labels: Labels, subject: Labels | undefined, ports: readonly NamedPort[] = []): FlowEnd {
    const key = `${labels.canonical}${JSON.stringify(ports)}`;
    const isHost = labels.has("reserved", "host");
    const identity = this.#identities.get(key) ?? (isHost ? Identity.host : this.#next++);
    if (!this.#identities.has(key)) this.engine.upsertIdentity({ id: identity, labels });
    this.#identities.set(key, identity);
    const end = { identity, subject };
    this.#ends.set(name, end);
    return end;
  }
}

function isCidrGroup(resource: unknown): boolean {
  return typeof resource === "object" && resource !== null && "kind" in resource && resource.kind === cidrGroupKind;
}

function namedPorts({ name, port, protocol = "TCP" }: NonNullable<CaseEndpoint["ports"]>[number]): NamedPort[] {
  const numbers = protocolsByName.get(protocol.toUpperCase()) ?? [];
  return numbers.map((number) => ({ name: name.toLowerCase(), protocol: number, port }));
}

function namesByAddress(fqdn: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, readonly string[]> {
  const pairs = Object.entries(fqdn).flatMap(([name, addresses]) => addresses.map((ip) => ({ ip, name })));
  const grouped = Map.groupBy(pairs, ({ ip }) => ip);
  return new Map(Array.from(grouped, ([ip, items]) => [ip, items.map(({ name }) => name)]));
}

function namesOf({ rules }: ParsedPolicy): readonly NameCondition[] {
  return rules.flatMap(({ ingress, egress }) =>
    [...ingress, ...egress].flatMap(({ peers }) =>
      (peers ?? []).flatMap((peer) => ("kind" in peer || peer.fqdn === undefined ? [] : [peer.fqdn])),
    ),
  );
}
