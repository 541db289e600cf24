// SPDX-License-Identifier: Apache-2.0
// What commands say about each endpoint, for debuginfo's list of endpoints.
import type { Endpoint } from "../../../src/api/index.ts";
import { endpointHealthLines, endpointLogLines } from "../commands/endpoint.ts";
import { formatIdentities } from "../commands/identity.ts";
import type { Section } from "./sections.ts";

/** Parts with Cilium's titles, but for its dumps of maps, of which a sysdump holds one for all endpoints. */
export function endpointParts(endpoints: readonly Endpoint[]): readonly Section[] {
  return endpoints.toSorted((a, b) => a.id - b.id).flatMap(partsOf);
}

function partsOf(endpoint: Endpoint): Section[] {
  const { health, log, identity } = endpoint.status;
  const part = (title: string, lines: readonly string[]): Section => {
    return { name: title.toLowerCase().replaceAll(" ", "-"), title, lines };
  };
  return [
    part(`Endpoint Get ${endpoint.id}`, JSON.stringify([endpoint], undefined, 2).split("\n")),
    ...(health === undefined ? [] : [part(`Endpoint Health ${endpoint.id}`, endpointHealthLines(health))]),
    ...(log === undefined ? [] : [part(`Endpoint Log ${endpoint.id}`, endpointLogLines(log))]),
    ...(identity === undefined ? [] : [part(`Identity get ${identity.id}`, formatIdentities([identity]))]),
  ];
}
