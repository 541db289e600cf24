// SPDX-License-Identifier: Apache-2.0
// What happens to a soaked sandbox: guests and their policies come and go, and one node's agent is killed now and then.
import { setTimeout as sleep } from "node:timers/promises";
import type { AskerReport } from "./asker.ts";
import type { World } from "./world.ts";

const downMs = 2000;

export interface Disturbance {
  readonly guests: number;
  readonly kills: number;
  /** What clients counted that asked new guests. */
  readonly reports: readonly AskerReport[];
}

/** How long, and with how many kills. */
export interface Plan {
  readonly enough: (so: Disturbance) => boolean;
  /** Milliseconds from one kill to the next. */
  readonly killEvery: number;
}

/** Changes something all the time, until it is enough. */
export async function disturb(world: World, { enough, killEvery }: Plan): Promise<Disturbance> {
  let [guests, kills] = [0, 0];
  const reports: AskerReport[] = [];
  const victim = world.sandbox.nodes.at(-1);
  let nextKill = performance.now() + killEvery;
  while (!enough({ guests, kills, reports })) {
    reports.push(await world.churn());
    guests++;
    if (victim !== undefined && performance.now() > nextKill) {
      await world.killAgent(victim, downMs);
      kills++;
      nextKill = performance.now() + killEvery;
    }
    await sleep(200);
  }
  return { guests, kills, reports };
}

/** One report of many. */
export function sum(reports: readonly AskerReport[]): AskerReport {
  const all = (of: (report: AskerReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  return {
    asked: all(({ asked }) => asked),
    answered: all(({ answered }) => answered),
    slow: all(({ slow }) => slow),
    unanswered: reports.flatMap(({ unanswered }) => unanswered),
  };
}
