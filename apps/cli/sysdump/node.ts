// SPDX-License-Identifier: Apache-2.0
// All items of this node, into an output, with the list of what came of each.
import { dirname } from "node:path";
import { CiliumError } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { sysdumpItems } from "./items.ts";
import type { Output } from "./output.ts";
import { collectAll } from "./sysdump.ts";
import type { Bounds, Collected } from "./types.ts";

export interface NodeDump {
  /** Further log files. */
  readonly logs: readonly string[];
  /** Without maps, logs and events. */
  readonly quick: boolean;
  readonly monitorMs: number;
  readonly bounds: Bounds;
}

/** Writes the items and `sysdump.json`, which says what came of each. */
export async function collectNode(
  { io, agentSocket }: Context,
  { write }: Output,
  { logs, quick, monitorMs, bounds }: NodeDump,
): Promise<readonly Collected[]> {
  const outcomes = await collectAll({
    items: sysdumpItems({ stateDir: dirname(agentSocket), logs, monitorMs, quick }),
    ...{ bounds, signal: io.signal, write },
    env: { ...process.env, ...io.env, CILIUM_SOCK: agentSocket },
  });
  const report = { time: new Date(io.now()).toISOString(), items: outcomes };
  await write("sysdump.json", Buffer.from(`${JSON.stringify(report, null, 1)}\n`));
  return outcomes;
}

/** Throws CiliumError when nothing at all could be collected. */
export function refuseEmpty(outcomes: readonly Collected[]): void {
  if (outcomes.every(({ bytes }) => bytes === 0))
    throw new CiliumError("Cannot make sysdump: nothing could be collected");
}
