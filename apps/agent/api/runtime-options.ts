// SPDX-License-Identifier: Apache-2.0
// Options that may be changed while the agent runs: one entry each.
import { configureLogging, createLogger } from "../../../src/core/index.ts";
import type { DatapathMaps, MonitorEvents } from "../../../src/datapath/index.ts";
import { AgentSwitch, type EndpointDefaults } from "../../../src/endpoint/index.ts";
import { levelText, readLevel, readSwitch, switchText } from "./option-values.ts";

/** Those of the agent that endpoints follow, to be changed. */
export type EndpointSwitches = { readonly [Name in keyof EndpointDefaults]: AgentSwitch };

export interface RuntimeOptionDeps {
  readonly runtimeConfig: () => DatapathMaps["runtimeConfig"];
  readonly switches: EndpointSwitches;
}

/** An option as the API has it. */
export interface RuntimeOption {
  /** Its value now. */
  readonly get: () => string;
  /** Checks a value, and gives what puts it into force. Throws ApiError 400. */
  readonly change: (value: string) => () => void;
}

const log = createLogger("config");

/** The options by name, sorted. */
export function runtimeOptions({ runtimeConfig, switches }: RuntimeOptionDeps): ReadonlyMap<string, RuntimeOption> {
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
    keptOnly("DebugLB"),
    ofSwitch("DebugPolicy", switches.debugPolicy),
    keptOnly("DebugTagged"),
    event("DropNotification", "drop"),
    ["MonitorAggregationLevel", aggregationLevel(runtimeConfig)],
    ofSwitch("PolicyAuditMode", switches.auditMode),
    keptOnly("PolicyTracing"),
    event("PolicyVerdictNotification", "policyVerdict"),
    ofSwitch("SourceIPVerification", switches.sourceIpVerification),
    event("TraceNotification", "trace"),
  ]);
}

/** What they are now. */
export function optionValues(options: ReadonlyMap<string, RuntimeOption>): Record<string, string> {
  return Object.fromEntries(Array.from(options, ([name, option]) => [name, option.get()]));
}

function aggregationLevel(runtimeConfig: RuntimeOptionDeps["runtimeConfig"]): RuntimeOption {
  return {
    get: () => levelText(runtimeConfig().get().monitorAggregation),
    change(value) {
      const level = readLevel("MonitorAggregationLevel", value);
      return () => runtimeConfig().setMonitorAggregation(level);
    },
  };
}

function ofSwitch(name: string, one: AgentSwitch): [string, RuntimeOption] {
  return onOff(
    name,
    () => one.on,
    (on) => one.set(on),
  );
}

/** An option of which nothing here depends; whoever sets it is told so in the log. */
function keptOnly(name: string): [string, RuntimeOption] {
  const kept = new AgentSwitch(false, () => {
    if (kept.on) log.warn("The option has no effect: there is nothing here that it is about", { option: name });
  });
  return ofSwitch(name, kept);
}

function onOff(name: string, get: () => boolean, set: (on: boolean) => void): [string, RuntimeOption] {
  const change = (value: string) => {
    const on = readSwitch(name, value);
    return () => set(on);
  };
  return [name, { get: () => switchText(get()), change }];
}
