// SPDX-License-Identifier: Apache-2.0
// Options that may be changed while the agent runs: one entry each.
import { ApiError } from "../../../src/api/index.ts";
import { configureLogging, createLogger } from "../../../src/core/index.ts";
import type { DatapathMaps, MonitorAggregation, MonitorEvents } from "../../../src/datapath/index.ts";
import type { AuditMode } from "../../../src/endpoint/index.ts";

export interface RuntimeOptionDeps {
  readonly runtimeConfig: () => DatapathMaps["runtimeConfig"];
  readonly auditMode: AuditMode;
}

/** An option as the API has it. */
export interface RuntimeOption {
  /** Its value now. */
  readonly get: () => string;
  /** Checks a value, and gives what puts it into force. Throws ApiError 400. */
  readonly change: (value: string) => () => void;
}

const levels: readonly MonitorAggregation[] = ["none", "low", "medium", "maximum"];
const log = createLogger("config");

/** The options by name, sorted. */
export function runtimeOptions({ runtimeConfig, auditMode }: RuntimeOptionDeps): ReadonlyMap<string, RuntimeOption> {
  const event = (name: string, kind: keyof MonitorEvents): [string, RuntimeOption] =>
    onOff(
      name,
      () => runtimeConfig().get().monitorEvents[kind],
      (on) => runtimeConfig().setEvents({ ...runtimeConfig().get().monitorEvents, [kind]: on }),
    );
  return new Map([
    onOff(
      "Debug",
      () => log.enabled("debug"),
      (on) => configureLogging({ level: on ? "debug" : "info" }),
    ),
    event("DropNotification", "drop"),
    ["MonitorAggregationLevel", aggregationLevel(runtimeConfig)],
    onOff(
      "PolicyAuditMode",
      () => auditMode.on,
      (on) => auditMode.set(on),
    ),
    event("PolicyVerdictNotification", "policyVerdict"),
    event("TraceNotification", "trace"),
  ]);
}

function aggregationLevel(runtimeConfig: RuntimeOptionDeps["runtimeConfig"]): RuntimeOption {
  return {
    get: () => {
      const { monitorAggregation: level } = runtimeConfig().get();
      return level.charAt(0).toUpperCase() + level.slice(1);
    },
    change(value) {
      const level = levels.find((candidate) => candidate === value.toLowerCase());
      if (level === undefined) throw badValue("MonitorAggregationLevel", value, levels.join(", "));
      return () => runtimeConfig().setMonitorAggregation(level);
    },
  };
}

function onOff(name: string, get: () => boolean, set: (on: boolean) => void): [string, RuntimeOption] {
  const change = (value: string) => {
    const on = /^(enabled?|true|on|1)$/i.test(value);
    if (!on && !/^(disabled?|false|off|0)$/i.test(value)) throw badValue(name, value, "Enabled or Disabled");
    return () => set(on);
  };
  return [name, { get: () => (get() ? "Enabled" : "Disabled"), change }];
}

function badValue(name: string, value: string, allowed: string): ApiError {
  return new ApiError(400, `Cannot change option "${name}": it has "${value}" (allowed: ${allowed})`);
}
