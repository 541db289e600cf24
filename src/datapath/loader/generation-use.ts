// SPDX-License-Identifier: Apache-2.0
// Which endpoints run the programs of which generation, as the kernel has it. Works without the agent.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BpfMap, BpfProgram, Rtnetlink } from "../../kernel/index.ts";
import { mapNames } from "../maps/names.ts";
import { findEntryFilters } from "./entry-filters.ts";
import { entryPrograms } from "./entry-programs.ts";
import { generationsRoot } from "./generation.ts";
import { endpointLinkPin, endpointsPinRoot, linkTarget } from "./pins.ts";

/** One load of the programs. */
export interface GenerationUse {
  /** Of the object files, their constants and sizes. */
  readonly digest: string;
  readonly programs: readonly { readonly name: string; readonly id: number; readonly instructions: number }[];
  /** Ids of the endpoints whose entry programs lead to it, rising. */
  readonly endpoints: readonly number[];
}

/** The pinned generations. Needs root; runs in the network namespace of the node. */
export function generationsInUse(bpfRoot: string): GenerationUse[] {
  const root = generationsRoot(bpfRoot);
  if (!existsSync(root)) return [];
  const byCalls = endpointsByMap(bpfRoot);
  return readdirSync(root)
    .filter((name) => /^[0-9a-f]+-\d+$/.test(name))
    .map((name) => {
      const folder = join(root, name);
      using calls = BpfMap.openPinned(join(folder, mapNames.calls));
      const programs = readdirSync(folder).filter((file) => file !== mapNames.calls);
      return {
        digest: name.slice(0, name.indexOf("-")),
        programs: programs.map((file) => describe(join(folder, file), file)),
        endpoints: [...(byCalls.get(calls.id) ?? [])].sort((a, b) => a - b),
      };
    });
}

function describe(path: string, name: string): GenerationUse["programs"][number] {
  using program = BpfProgram.openPinned(path);
  return { name, id: program.id, instructions: program.verifiedInstructions };
}

/** Endpoints by the ids of the maps that their entry programs use. */
function endpointsByMap(bpfRoot: string): Map<number, Set<number>> {
  const found = new Map<number, Set<number>>();
  for (const [endpoint, programId] of [...linkedEndpoints(bpfRoot), ...filteredEndpoints()]) {
    using program = BpfProgram.fromId(programId);
    for (const map of program.mapIds()) {
      const endpoints = found.get(map) ?? new Set();
      found.set(map, endpoints.add(endpoint));
    }
  }
  return found;
}

type EndpointProgram = readonly [endpoint: number, programId: number];

function linkedEndpoints(bpfRoot: string): EndpointProgram[] {
  const root = endpointsPinRoot(bpfRoot);
  const ids = existsSync(root) ? readdirSync(root).map(Number).filter(Number.isInteger) : [];
  return ids.flatMap((id) =>
    entryPrograms.flatMap(({ pin }): EndpointProgram[] => {
      const target = linkTarget(endpointLinkPin(bpfRoot, id, pin));
      return target === undefined ? [] : [[id, target.programId]];
    }),
  );
}

function filteredEndpoints(): EndpointProgram[] {
  using rtnl = new Rtnetlink();
  return findEntryFilters(rtnl).flatMap(({ handle, programId }): EndpointProgram[] =>
    programId === undefined ? [] : [[handle, programId]],
  );
}
