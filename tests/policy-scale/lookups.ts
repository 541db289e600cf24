// SPDX-License-Identifier: Apache-2.0
// Decisions of the programs over policy maps, by one that asks another question with each run: what they cost, and
// what the answers are.
import { join } from "node:path";
import { type BpfMap, type BpfObject, loadObject } from "../../src/kernel/index.ts";

/** A packet of a new flow, as policy sees it. */
export interface Question {
  /** 0: the ingress set in the endpoint's slot. */
  readonly set: number;
  readonly endpoint?: number;
  readonly identity: number;
  readonly protocol: number;
  readonly port: number;
}

/** Maps that are asked; they stay the caller's. */
export interface AskedMaps {
  readonly peers: BpfMap;
  readonly ports: BpfMap;
  readonly endpoints: BpfMap;
}

/** Nanoseconds of a decision, and which part of them allowed. */
export interface DecisionCost {
  readonly ns: readonly number[];
  readonly allowed: number;
}

const QUESTIONS = 65_536;
const QUESTION_SIZE = 16;
const ROUNDS = 7;

/** Asks the same questions again and again. */
export class Asker implements Disposable {
  readonly #object: BpfObject;

  constructor({ peers, ports, endpoints }: AskedMaps, ask: (n: number) => Question) {
    const maps = { cilium_policy_v2_peers: peers, cilium_policy_v2_ports: ports, cilium_endpoints: endpoints };
    const options = Object.entries(maps).map(
      ([name, map]) => [name, { reuse: map, maxEntries: map.maxEntries }] as const,
    );
    const path = join(import.meta.dirname, "../../build/bpf/tests/policy-cost.o");
    this.#object = loadObject(path, { maps: Object.fromEntries(options) });
    const keys = Uint32Array.from({ length: QUESTIONS }, (_, n) => n);
    const values = new DataView(new ArrayBuffer(QUESTIONS * QUESTION_SIZE));
    for (let n = 0; n < QUESTIONS; n++) writeQuestion(values, n * QUESTION_SIZE, ask(n));
    const map = this.#object.map("test_questions");
    map.updateBatch(new Uint8Array(keys.buffer), new Uint8Array(values.buffer), QUESTIONS);
  }

  /** Nanoseconds of a run, with the decision or without. */
  run(decide: boolean, repeat = 4 * QUESTIONS): number {
    return this.#object.program(decide ? "ask" : "nothing").testRun({ data: new Uint8Array(64), repeat }).durationNs;
  }

  /** Of how many runs, in all, the answer was yes. */
  allowed(): number {
    const value = this.#object.map("test_tallies").lookup(new Uint8Array(4)) ?? new Uint8Array(16);
    return Number(new DataView(value.buffer).getBigUint64(8, true));
  }

  [Symbol.dispose](): void {
    this.#object[Symbol.dispose]();
  }
}

/** What the decisions cost, in several rounds. */
export function measureDecisions(maps: AskedMaps, ask: (n: number) => Question, rounds = ROUNDS): DecisionCost {
  using asker = new Asker(maps, ask);
  asker.run(true);
  const before = asker.allowed();
  const ns = Array.from({ length: rounds }, () => asker.run(true) - asker.run(false));
  return { ns, allowed: (asker.allowed() - before) / (rounds * 4 * QUESTIONS) };
}

/** struct test_question */
function writeQuestion(into: DataView, offset: number, { set, endpoint, identity, protocol, port }: Question): void {
  into.setUint32(offset, set, true);
  into.setUint32(offset + 4, endpoint ?? 0, true);
  into.setUint32(offset + 8, identity, true);
  into.setUint16(offset + 12, port);
  into.setUint8(offset + 14, protocol);
  into.setUint8(offset + 15, 1);
}
