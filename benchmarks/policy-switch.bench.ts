// SPDX-License-Identifier: Apache-2.0
// 10,000 switches between policies that allow and deny the same, under traffic: no packet lost, none let through.

import { switchUnderQuestions } from "../tests/policy-scale/switching.ts";
import { Scenario } from "../tests/scenarios/harness.ts";
import { prepareSwitching, switchPolicies } from "../tests/scenarios/switching.ts";
import { type Benchmark, type Figures, ratio, row } from "./harness.ts";

const switches = Number(process.env["POLICY_SWITCHES"] ?? 10_000);

export const bench: Benchmark = {
  name: "policy-switch",
  description: "10,000 policy switches under traffic (POLICY_SWITCHES): datagrams lost, and let through",
  run,
};

async function run(progress: (line: string) => void): Promise<Figures> {
  progress(`${switches} switches while the programs decide all the time`);
  const { asked, lost, passed } = await switchUnderQuestions(switches);
  const decisions: Figures = {
    rows: [row("decisions that both allow, and as many that both deny", "asked", "decisions", [asked])],
    ratios: [
      ratio(`decisions lost in ${switches} switches`, lost, "at most", 0),
      ratio(`decisions let through in ${switches} switches`, passed, "at most", 0),
    ],
  };
  const traffic = await underTraffic(progress);
  return { rows: [...decisions.rows, ...traffic.rows], ratios: [...decisions.ratios, ...traffic.ratios] };
}

async function underTraffic(progress: (line: string) => void): Promise<Figures> {
  const scenario = await Scenario.create("switches");
  try {
    await prepareSwitching(scenario);
    progress(`${switches} switches under traffic of pods`);
    const start = performance.now();
    const { allowed, denied } = await switchPolicies(scenario, switches);
    const ms = (performance.now() - start) / switches;
    const sum = (reports: typeof allowed, key: "sent" | "answered") =>
      reports.reduce((total, report) => total + report[key], 0);
    const lost = sum(allowed, "sent") - sum(allowed, "answered");
    return {
      rows: [
        row("one switch under traffic", "request to the last endpoint's status", "ms", [ms]),
        row("datagrams that both allow", "sent", "packets", [sum(allowed, "sent")]),
        row("datagrams that both deny", "sent", "packets", [sum(denied, "sent")]),
      ],
      ratios: [
        ratio(`datagrams lost in ${switches} switches`, lost, "at most", 0),
        ratio(`datagrams let through in ${switches} switches`, sum(denied, "answered"), "at most", 0),
      ],
    };
  } finally {
    await scenario.delete();
  }
}
