// SPDX-License-Identifier: Apache-2.0
// CIDR groups and services as the agent tells them to command lines: JSON, from which their peers can be made again.
import { formatCidr, Labels, parseCidr } from "../core/index.ts";
import type { CidrGroupPeers, ServicePeers } from "./engine/references.ts";
import { prefixSelector } from "./selectors/address-selector.ts";
import { makeSelector } from "./selectors/selector.ts";
import type { Selector } from "./types.ts";

/** Labels are `source:key=value`. A backend is the pods with all of some labels, or the addresses of a prefix. */
export interface ReferenceTexts {
  readonly cidrGroups: readonly {
    readonly name: string;
    readonly labels: readonly string[];
    readonly cidrs: readonly string[];
  }[];
  readonly services: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly labels: readonly string[];
    readonly backends: readonly { readonly labels?: readonly string[]; readonly cidr?: string }[];
  }[];
}

/** What policies may refer to, as it is in force. */
export interface ReferencedPeers {
  readonly cidrGroups: readonly CidrGroupPeers[];
  readonly services: readonly ServicePeers[];
}

export function formatReferences({ cidrGroups, services }: ReferencedPeers): ReferenceTexts {
  return {
    cidrGroups: cidrGroups.map(({ name, labels, cidrs }) => ({
      ...{ name, labels: labels.toStrings(), cidrs: cidrs.map(formatCidr) },
    })),
    services: services.map(({ namespace, name, labels, backends }) => ({
      ...{ namespace, name, labels: labels.toStrings(), backends: backends.map(formatBackend) },
    })),
  };
}

/** The reverse. Throws FormatError for bad labels and prefixes. */
export function parseReferences({ cidrGroups, services }: ReferenceTexts): ReferencedPeers {
  return {
    cidrGroups: cidrGroups.map(({ name, labels, cidrs }) => ({
      ...{ name, labels: Labels.parse(labels), cidrs: cidrs.map((text) => parseCidr(text)) },
    })),
    services: services.map(({ namespace, name, labels, backends }) => ({
      ...{ namespace, name, labels: Labels.parse(labels), backends: backends.map(parseBackend) },
    })),
  };
}

type Backend = ReferenceTexts["services"][number]["backends"][number];

/** Backends are made by servicePeers(): equal labels, or one prefix. */
function formatBackend({ prefix, requirements }: Selector): Backend {
  if (prefix !== undefined) return { cidr: formatCidr(prefix.cidr) };
  return { labels: requirements.map(({ source, key, values }) => `${source}:${key}=${values[0] ?? ""}`) };
}

function parseBackend({ cidr, labels = [] }: Backend): Selector {
  if (cidr !== undefined) return prefixSelector(parseCidr(cidr));
  const requirements = [...Labels.parse(labels)].map(({ source, key, value }) => ({
    ...{ source, key, operator: "In" as const, values: [value] },
  }));
  return makeSelector(requirements);
}
