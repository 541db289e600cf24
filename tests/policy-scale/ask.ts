// SPDX-License-Identifier: Apache-2.0
// A process that asks policy all the time until its input ends, then prints what came of it (JSON).
import { BpfMap } from "../../src/kernel/index.ts";
import { type AskedMaps, Asker, type Question } from "./lookups.ts";

/** What to ask; maps by their ids. */
export interface AskOrder {
  readonly maps: Readonly<Record<keyof AskedMaps, number>>;
  /** Asked in turn; the answer is always yes, or always no. */
  readonly allowed: readonly Question[];
  readonly denied: readonly Question[];
}

export interface AskReport {
  readonly asked: number;
  /** Of as many that should be allowed. */
  readonly lost: number;
  /** Of as many that should be denied. */
  readonly passed: number;
}

const burst = 20_000;

async function run({ maps, allowed, denied }: AskOrder): Promise<void> {
  using peers = BpfMap.fromId(maps.peers);
  using ports = BpfMap.fromId(maps.ports);
  using endpoints = BpfMap.fromId(maps.endpoints);
  const asker = (questions: readonly Question[]) =>
    new Asker({ peers, ports, endpoints }, (n) => questions[n % questions.length] ?? { ...zero });
  using yes = asker(allowed);
  using no = asker(denied);
  let ended = false;
  process.stdin.once("end", () => {
    ended = true;
  });
  process.stdin.resume();
  let asked = 0;
  process.stdout.write("\n");
  while (!ended) {
    yes.run(true, burst);
    no.run(true, burst);
    asked += burst;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const report: AskReport = { asked, lost: asked - yes.allowed(), passed: no.allowed() };
  process.stdout.write(JSON.stringify(report));
}

const zero: Question = { set: 0, identity: 0, protocol: 0, port: 0 };

if (import.meta.main) await run(JSON.parse(process.argv[2] ?? "") as AskOrder);
