// SPDX-License-Identifier: Apache-2.0
// Values of options that may change while the agent runs, as the API has them.
import { ApiError } from "../../../src/api/index.ts";
import type { MonitorAggregation } from "../../../src/datapath/index.ts";

const levels: readonly MonitorAggregation[] = ["none", "low", "medium", "maximum"];

/** Any of Cilium's words for on and off. Throws ApiError 400. */
export function readSwitch(name: string, value: string): boolean {
  if (/^(enabled?|true|on|1)$/i.test(value)) return true;
  if (/^(disabled?|false|off|0)$/i.test(value)) return false;
  throw badValue(name, value, "Enabled or Disabled");
}

export function switchText(on: boolean): string {
  return on ? "Enabled" : "Disabled";
}

/** In any case. Throws ApiError 400. */
export function readLevel(name: string, value: string): MonitorAggregation {
  const level = levels.find((candidate) => candidate === value.toLowerCase());
  if (level === undefined) throw badValue(name, value, levels.join(", "));
  return level;
}

export function levelText(level: MonitorAggregation): string {
  return level.charAt(0).toUpperCase() + level.slice(1);
}

function badValue(name: string, value: string, allowed: string): ApiError {
  return new ApiError(400, `Cannot change option "${name}": it has "${value}" (allowed: ${allowed})`);
}

/** By its name in any case. Throws ApiError 400 for an option that there is not. */
export function knownOption<T>(options: ReadonlyMap<string, T>, name: string): T {
  for (const [known, option] of options) if (known.toLowerCase() === name.toLowerCase()) return option;
  const known = [...options.keys()].join(", ");
  throw new ApiError(400, `Cannot change option "${name}": unknown (${known} may be changed)`);
}
