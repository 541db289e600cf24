// SPDX-License-Identifier: Apache-2.0
// What a packet costs on each path, and how much the verifier has to walk; `npm run bench -- programs` prints it.
import { join } from "node:path";
import { MonitorAggregation, RuntimeConfigIndex } from "../../src/abi/index.ts";
import { type BpfObject, type BpfProgram, loadObject } from "../../src/kernel/index.ts";
import { bothFamilies, type FamilyWords, sent } from "./case.ts";
import { TcpFlag, tcp } from "./packet.ts";
import { ingress, revoke } from "./rules.ts";
import { type Addresses, podA, podB, podC, router, u32le, World } from "./world.ts";

/** One path: ns a packet, less what putting the packet back costs. */
export interface PathCost {
  readonly family: "IPv4" | "IPv6";
  readonly path: string;
  readonly ns: readonly number[];
}

export interface ProgramSize {
  readonly program: string;
  readonly verifiedInstructions: number;
}

export const LOCAL_PATH = "established, pod to pod of this node, both ends";
const ROUNDS = 7;
const REPEAT = 300_000;
const { SYN, ACK } = TcpFlag;

/** ns of one run of the program, a sample a round. */
function measure(repeater: BpfObject, entry: BpfProgram, ctx: Uint8Array, data: Uint8Array): number[] {
  repeater.map("test_packet_headers").update(u32le(0), data.subarray(0, 26));
  const run = (program: BpfProgram): number => {
    repeater.map("test_calls").update(u32le(0), u32le(program.fd.value));
    return repeater.program("repeat").testRun({ data, ctx, repeat: REPEAT }).durationNs;
  };
  return Array.from({ length: ROUNDS }, () => {
    const base = run(repeater.program("nothing"));
    return run(entry) - base;
  });
}

function costs(world: World, repeater: BpfObject, words: FamilyWords): PathCost[] {
  const found: PathCost[] = [];
  const ctx = new Uint8Array(192);
  ctx.set(u32le(1), 40);
  const [entry, entryB] = [podA, podB].map(({ id }) => world.entries.get(id)?.program("cil_from_container_entry"));
  if (entry === undefined || entryB === undefined) throw new Error("Cannot find the entry programs");
  const packet = (to: Addresses, flags: number) => sent(words, podA, to, tcp({ sport: 4000, dport: 80, flags }));
  const add = (path: string, to: Addresses, flags: number) => {
    found.push({ family: words.name, path, ns: measure(repeater, entry, ctx, packet(to, flags)) });
  };
  world.reset();
  world.runtime(RuntimeConfigIndex.RUNTIME_MONITOR_AGGREGATION, MonitorAggregation.AGGREGATION_MEDIUM);
  ingress(podB, { protocol: 6, port: 80 })(world);
  for (const to of [podB, podC, router]) entry.testRun({ data: packet(to, SYN), ctx });
  entryB.testRun({ data: sent(words, podB, podA, tcp({ sport: 80, dport: 4000, flags: SYN | ACK })), ctx });
  add(LOCAL_PATH, podB, ACK);
  add("established, pod to tunnel device", podC, ACK);
  add("established, pod to stack", router, ACK);
  revoke(podB)(world);
  add("denied by ingress policy, with both events", podB, ACK);
  world.runtime(RuntimeConfigIndex.RUNTIME_EVENTS, 0);
  add("denied by ingress policy, without events", podB, ACK);
  return found;
}

/** Entries that are dead at once make every packet the first of its flow. */
function newFlowCosts(world: World, repeater: BpfObject, words: FamilyWords): PathCost[] {
  const ctx = new Uint8Array(192);
  ctx.set(u32le(1), 40);
  const entry = world.entries.get(podA.id)?.program("cil_from_container_entry");
  if (entry === undefined) throw new Error("Cannot find the entry program");
  world.reset();
  world.runtime(RuntimeConfigIndex.RUNTIME_MONITOR_AGGREGATION, MonitorAggregation.AGGREGATION_MEDIUM);
  world.runtime(RuntimeConfigIndex.RUNTIME_EVENTS, 0);
  ingress(podB, { protocol: 6, port: 80 })(world);
  return [
    { path: "new, pod to pod of this node, both ends, without events", to: podB },
    { path: "new, pod to tunnel device, without events", to: podC },
  ].map(({ path, to }) => {
    const data = sent(words, podA, to, tcp({ sport: 4000, dport: 80, flags: SYN }));
    return { family: words.name, path, ns: measure(repeater, entry, ctx, data) };
  });
}

/** Measures all; takes some ten seconds. Needs built objects and root. */
export function measurePrograms(): { paths: PathCost[]; programs: ProgramSize[] } {
  using world = new World();
  using forgetful = new World({ variables: { ct_syn_timeout: 0 } });
  using repeater = loadObject(join(import.meta.dirname, "../../build/bpf/tests/repeat.o"));
  const paths: PathCost[] = [];
  bothFamilies((words) => {
    paths.push(...costs(world, repeater, words), ...newFlowCosts(forgetful, repeater, words));
    return [];
  });
  const objects = [world.container, world.host, world.overlay, ...[...world.entries.values()].slice(0, 1)];
  const programs = objects.flatMap((object) =>
    object.programNames.map((program) => ({
      program,
      verifiedInstructions: object.program(program).verifiedInstructions,
    })),
  );
  return { paths, programs };
}
