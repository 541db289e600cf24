// SPDX-License-Identifier: Apache-2.0
// What policies refer to by name or label: CIDR groups, and services with their backends.
import { type Cidr, cidrContains, formatCidr, type Labels } from "../../core/index.ts";
import type { PeerLookup } from "../resolve/units.ts";
import { prefixSelector } from "../selectors/address-selector.ts";
import { matchesSelector } from "../selectors/match.ts";
import type { PeerReference, Selector } from "../types.ts";

/** A CiliumCIDRGroup. */
export interface CidrGroupPeers {
  readonly name: string;
  readonly labels: Labels;
  readonly cidrs: readonly Cidr[];
}

/** A service: selectors of its pods, or of its addresses if it has no pods. */
export interface ServicePeers {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly backends: readonly Selector[];
}

/** Objects that peers may name. What is not there stands for nobody. */
export class References {
  readonly #groups = new Map<string, CidrGroupPeers>();
  readonly #services = new Map<string, ServicePeers>();

  /** Whether that changes anything. */
  upsertGroup(group: CidrGroupPeers): boolean {
    return setIfOther(this.#groups, group.name, group, groupText);
  }

  /** Whether it was there. */
  deleteGroup(name: string): boolean {
    return this.#groups.delete(name);
  }

  /** Whether that changes anything. */
  upsertService(service: ServicePeers): boolean {
    return setIfOther(this.#services, `${service.namespace}/${service.name}`, service, serviceText);
  }

  /** Whether it was there. */
  deleteService(namespace: string, name: string): boolean {
    return this.#services.delete(`${namespace}/${name}`);
  }

  /** All that are there, sorted. */
  all(): { readonly cidrGroups: readonly CidrGroupPeers[]; readonly services: readonly ServicePeers[] } {
    const sorted = <Peers>(peers: ReadonlyMap<string, Peers>) =>
      [...peers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
    return { cidrGroups: sorted(this.#groups), services: sorted(this.#services) };
  }

  readonly lookUp: PeerLookup = (reference) => {
    switch (reference.kind) {
      case "cidr-group":
      case "cidr-group-selector":
        return this.#groupsOf(reference).flatMap(({ cidrs }) =>
          cidrs.map((cidr) =>
            prefixSelector(
              cidr,
              reference.except.filter((inner) => overlaps(cidr, inner)),
            ),
          ),
        );
      default:
        return this.#servicesOf(reference).flatMap(({ backends }) => backends);
    }
  };

  #groupsOf(reference: PeerReference): readonly CidrGroupPeers[] {
    if (reference.kind === "cidr-group") return [this.#groups.get(reference.name) ?? []].flat();
    if (reference.kind !== "cidr-group-selector") return [];
    const { selector } = reference;
    return [...this.#groups.values()].filter(({ labels }) => matchesSelector(selector, labels)).sort(byName);
  }

  #servicesOf(reference: PeerReference): readonly ServicePeers[] {
    if (reference.kind === "service") {
      return [this.#services.get(`${reference.namespace}/${reference.name}`) ?? []].flat();
    }
    if (reference.kind !== "service-selector") return [];
    const { namespace, selector } = reference;
    return [...this.#services.values()]
      .filter((service) => namespace === undefined || service.namespace === namespace)
      .filter(({ labels }) => matchesSelector(selector, labels))
      .sort(byName);
  }
}

function setIfOther<Peers>(
  map: Map<string, Peers>,
  key: string,
  peers: Peers,
  textOf: (peers: Peers) => string,
): boolean {
  const before = map.get(key);
  if (before !== undefined && textOf(before) === textOf(peers)) return false;
  map.set(key, peers);
  return true;
}

function groupText({ labels, cidrs }: CidrGroupPeers): string {
  return `${labels.canonical} ${cidrs.map(formatCidr).join()}`;
}

function serviceText({ labels, backends }: ServicePeers): string {
  return `${labels.canonical} ${backends.map(({ text }) => text).join()}`;
}

function overlaps(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b) || cidrContains(b, a);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
