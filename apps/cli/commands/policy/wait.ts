// SPDX-License-Identifier: Apache-2.0
// policy wait: until all endpoints run a revision of the policies.
import { setTimeout as sleep } from "node:timers/promises";
import type { Endpoint } from "../../../../src/api/index.ts";
import { CiliumError } from "../../../../src/core/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, textOption } from "../../define.ts";
import { ExitError, UsageError } from "../../errors.ts";
import { duration } from "../../time.ts";

export const wait: CommandSpec = {
  usage: "wait <revision>",
  summary: "Wait until all endpoints run a revision of the policies",
  options: [
    ["--sleep-time <seconds>", "between two looks", "1"],
    ["--fail-wait-time <seconds>", "after which endpoints that failed end it", "60"],
    ["--max-wait-time <seconds>", "after which it ends in any case", "360"],
  ],
  plain: true,
  run: waitForRevision,
};

async function waitForRevision(context: Context, call: Call): Promise<void> {
  const [text = ""] = call.args;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`Cannot wait for revision "${text}": not a number`);
  const revision = Number(text);
  const [pause, failAfter, endAfter] = [
    seconds(call, "sleepTime"),
    seconds(call, "failWaitTime"),
    seconds(call, "maxWaitTime"),
  ];
  const { io } = context;
  const start = io.now();
  for (let looks = 0; ; looks++) {
    const { ready, failed, all } = count(await context.client().listEndpoints(), revision);
    if (ready === all) {
      if (looks > 0) io.stdout("\n");
      return;
    }
    const waited = io.now() - start;
    const end = waited >= endAfter;
    if (end || (waited >= failAfter && failed > 0)) {
      if (looks > 0) io.stdout("\n");
      throw new CiliumError(failure({ ready, failed, all }, end, duration(waited)));
    }
    io.stdout(`\rWaiting for endpoints to run policy revision ${revision}: ${ready}/${all}              `);
    await sleep(pause, undefined, { signal: io.signal }).catch(() => {
      throw new ExitError(130);
    });
  }
}

interface Counts {
  readonly ready: number;
  readonly failed: number;
  readonly all: number;
}

function failure({ ready, failed, all }: Counts, end: boolean, waited: string): string {
  return end
    ? `${all - ready} endpoints still not ready after ${waited} (${failed} failed)`
    : `${failed} endpoints have failed regeneration after ${waited}`;
}

function count(endpoints: readonly Endpoint[], revision: number): Counts {
  const isReady = ({ status }: Endpoint) =>
    status.state === "ready" && status.policy.realized["policy-revision"] >= revision;
  return {
    ready: endpoints.filter(isReady).length,
    failed: endpoints.filter(({ status }) => status.state === "not-ready").length,
    all: endpoints.length,
  };
}

/** Milliseconds of an option in seconds. */
function seconds(call: Call, name: string): number {
  const text = textOption(call, name) ?? "";
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`Cannot wait: "${text}" is not a number of seconds`);
  return Number(text) * 1000;
}
