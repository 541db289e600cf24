// SPDX-License-Identifier: Apache-2.0
// What a decision costs in policy maps, by a program that asks another question with each run.
import { join } from "node:path";
import { type BpfMap, type BpfProgram, loadObject } from "../../src/kernel/index.ts";

/** A packet of a new flow, as policy sees it. */
export interface Question {
  readonly set: number;
  readonly identity: number;
  readonly protocol: number;
  readonly port: number;
}

/** Nanoseconds of a decision, and which part of them allowed. */
export interface DecisionCost {
  readonly ns: readonly number[];
  readonly allowed: number;
}

const QUESTIONS = 65_536;
const ROUNDS = 7;

/** Asks all questions again and again; the maps stay the caller's. */
export function measureDecisions(
  maps: { readonly peers: BpfMap; readonly ports: BpfMap },
  ask: (n: number) => Question,
  rounds = ROUNDS,
): DecisionCost {
  const path = join(import.meta.dirname, "../../build/bpf/tests/policy-cost.o");
  const reuse = { cilium_policy_v2_peers: { reuse: maps.peers }, cilium_policy_v2_ports: { reuse: maps.ports } };
  const sizes = { cilium_policy_v2_peers: maps.peers.maxEntries, cilium_policy_v2_ports: maps.ports.maxEntries };
  const options = Object.entries(reuse).map(
    ([name, option]) => [name, { ...option, maxEntries: sizes[name as keyof typeof sizes] }] as const,
  );
  using object = loadObject(path, { maps: Object.fromEntries(options) });
  const keys = new Uint32Array(QUESTIONS).map((_, n) => n);
  const values = new DataView(new ArrayBuffer(QUESTIONS * 12));
  for (let n = 0; n < QUESTIONS; n++) {
    const { set, identity, protocol, port } = ask(n);
    values.setUint32(n * 12, set, true);
    values.setUint32(n * 12 + 4, identity, true);
    values.setUint16(n * 12 + 8, port);
    values.setUint8(n * 12 + 10, protocol);
    values.setUint8(n * 12 + 11, 1);
  }
  object.map("test_questions").updateBatch(new Uint8Array(keys.buffer), new Uint8Array(values.buffer), QUESTIONS);
  const data = new Uint8Array(64);
  const run = (program: BpfProgram): number => program.testRun({ data, repeat: 4 * QUESTIONS }).durationNs;
  const [asking, nothing] = [object.program("ask"), object.program("nothing")];
  run(asking);
  const before = allowedIn(object.map("test_tallies"));
  const ns = Array.from({ length: rounds }, () => run(asking) - run(nothing));
  const allowed = allowedIn(object.map("test_tallies")) - before;
  return { ns, allowed: allowed / (rounds * 4 * QUESTIONS) };
}

function allowedIn(tallies: BpfMap): number {
  const value = tallies.lookup(new Uint8Array(4)) ?? new Uint8Array(16);
  return Number(new DataView(value.buffer).getBigUint64(8, true));
}
