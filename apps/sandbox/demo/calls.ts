// SPDX-License-Identifier: Apache-2.0
// The calls of the demo: every ship asks every death star for landing, over IPv4 and IPv6.
import { text } from "node:stream/consumers";
import { podCommand } from "../exec.ts";
import { spawnIn } from "../process.ts";
import { loadPods } from "../store.ts";
import type { PodRecord, Sandbox } from "../types.ts";

export type Outcome = "lands" | "no answer" | `error: ${string}`;

/** One question: a cell of the matrix. */
export interface Call {
  readonly caller: PodRecord;
  readonly target: PodRecord;
  readonly family: "IPv4" | "IPv6";
  readonly sourceIp: string;
  readonly targetIp: string;
}

export interface Cell extends Call {
  readonly expected: Outcome;
  readonly actual: Outcome;
}

const callers = ["tiefighter", "xwing"];
const timeoutSeconds = 2;
const curlTimedOut = 28;

/** All calls: caller by caller, its own node first. Throws when a pod is not there. */
export function planCalls(sandbox: Sandbox): Call[] {
  const pods = loadPods(sandbox).filter((pod) => pod.namespace === "default");
  const targets = pods.filter((pod) => pod.owner === "deathstar");
  return callers.flatMap((name) => {
    const caller = pods.find((pod) => pod.name === name);
    if (caller === undefined) throw new Error(`Cannot find pod "${name}" (apply examples/01-star-wars/app.yaml)`);
    const ordered = [...targets].sort((a, b) => Number(b.node === caller.node) - Number(a.node === caller.node));
    return ordered.flatMap((target) => callsBetween(caller, target));
  });
}

function callsBetween(caller: PodRecord, target: PodRecord): Call[] {
  return (["IPv4", "IPv6"] as const).flatMap((family) => {
    const own = (pod: PodRecord) => pod.ips.find((ip) => ip.includes(":") === (family === "IPv6"));
    const [sourceIp, targetIp] = [own(caller), own(target)];
    return sourceIp === undefined || targetIp === undefined ? [] : [{ caller, target, family, sourceIp, targetIp }];
  });
}

/** Makes all calls at once. */
export async function makeCalls(
  sandbox: Sandbox,
  calls: readonly Call[],
  expected: (call: Call) => Outcome,
): Promise<Cell[]> {
  return await Promise.all(
    calls.map(async (call) => ({ ...call, expected: expected(call), actual: await makeCall(sandbox, call) })),
  );
}

async function makeCall(sandbox: Sandbox, call: Call): Promise<Outcome> {
  const host = call.family === "IPv6" ? `[${call.targetIp}]` : call.targetIp;
  const { namespace, name } = call.caller;
  const curl = ["curl", "-s", "--max-time", String(timeoutSeconds), "-X", "POST", `http://${host}/v1/request-landing`];
  const child = spawnIn(podCommand(sandbox, namespace, name, curl), { stdio: ["ignore", "pipe", "ignore"] });
  const exit = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("exit", resolve));
  const answer = child.stdout === null ? "" : await text(child.stdout);
  const code = await exit;
  if (code === 0 && answer === "Ship landed\n") return "lands";
  return code === curlTimedOut ? "no answer" : `error: curl ${code}${answer === "" ? "" : ` ${answer.trim()}`}`;
}
