// SPDX-License-Identifier: Apache-2.0
// What a packet costs on each path, and how much the verifier has to walk: `node tests/datapath/cost.ts`.
import { join } from "node:path";
import { MonitorAggregation, RuntimeConfigIndex } from "../../src/abi/index.ts";
import { type BpfObject, type BpfProgram, loadObject } from "../../src/kernel/index.ts";
import { bothFamilies, type FamilyWords, sent } from "./case.ts";
import { TcpFlag, tcp } from "./packet.ts";
import { ingress, revoke } from "./rules.ts";
import { type Addresses, podA, podB, podC, router, u32le, World } from "./world.ts";

const ROUNDS = 7;
const REPEAT = 300_000;
const { SYN, ACK } = TcpFlag;

/** Median ns of one run of the entry program, less what putting the packet back costs. */
function measure(repeater: BpfObject, entry: BpfProgram, ctx: Uint8Array, data: Uint8Array): number {
  repeater.map("test_packet_headers").update(u32le(0), data.subarray(0, 26));
  const run = (program: BpfProgram): number => {
    repeater.map("test_calls").update(u32le(0), u32le(program.fd.value));
    return repeater.program("repeat").testRun({ data, ctx, repeat: REPEAT }).durationNs;
  };
  const rounds = Array.from({ length: ROUNDS }, () => {
    const base = run(repeater.program("nothing"));
    return run(entry) - base;
  });
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
}

function costs(world: World, repeater: BpfObject, words: FamilyWords): void {
  const ctx = new Uint8Array(192);
  ctx.set(u32le(1), 40);
  const [entry, entryB] = [podA, podB].map(({ id }) => world.entries.get(id)?.program("cil_from_container_entry"));
  if (entry === undefined || entryB === undefined) throw new Error("Cannot find the entry programs");
  const packet = (to: Addresses, flags: number) => sent(words, podA, to, tcp({ sport: 4000, dport: 80, flags }));
  const print = (path: string, to: Addresses, flags: number) => {
    const ns = measure(repeater, entry, ctx, packet(to, flags));
    process.stdout.write(`${words.name}  ${path.padEnd(44)} ${String(ns).padStart(4)} ns\n`);
  };
  world.reset();
  world.runtime(RuntimeConfigIndex.RUNTIME_MONITOR_AGGREGATION, MonitorAggregation.AGGREGATION_MEDIUM);
  ingress(podB, { protocol: 6, port: 80 })(world);
  for (const to of [podB, podC, router]) entry.testRun({ data: packet(to, SYN), ctx });
  entryB.testRun({ data: sent(words, podB, podA, tcp({ sport: 80, dport: 4000, flags: SYN | ACK })), ctx });
  print("established, pod to pod of this node, both ends", podB, ACK);
  print("established, pod to tunnel", podC, ACK);
  print("established, pod to stack", router, ACK);
  revoke(podB)(world);
  print("denied by ingress policy, with both events", podB, ACK);
  world.runtime(RuntimeConfigIndex.RUNTIME_EVENTS, 0);
  print("denied by ingress policy, without events", podB, ACK);
}

using world = new World();
using repeater = loadObject(join(import.meta.dirname, "../../build/bpf/tests/repeat.o"));
bothFamilies((words) => {
  costs(world, repeater, words);
  return [];
});
for (const object of [world.container, world.host, world.overlay, ...[...world.entries.values()].slice(0, 1)]) {
  for (const name of object.programNames) {
    const { verifiedInstructions } = object.program(name);
    process.stdout.write(`${name.padEnd(50)} ${String(verifiedInstructions).padStart(6)} instructions verified\n`);
  }
}
