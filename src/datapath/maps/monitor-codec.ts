// SPDX-License-Identifier: Apache-2.0
// Which events programs report, as bits: of the node in cilium_runtime_config, of one endpoint in its slot's flags.
import {
  ENDPOINT_EVENTS_SHIFT,
  ENDPOINT_LEVEL_SHIFT,
  ENDPOINT_MONITOR_MASK,
  ENDPOINT_OWN_EVENTS_SHIFT,
  MonitorAggregation as Levels,
  RuntimeEvents,
} from "../../abi/index.ts";
import type { MonitorAggregation, MonitorEvents, OwnMonitor } from "../types.ts";

const levelNumbers: Readonly<Record<MonitorAggregation, number>> = {
  none: Levels.AGGREGATION_NONE,
  low: Levels.AGGREGATION_LOW,
  medium: Levels.AGGREGATION_MEDIUM,
  maximum: Levels.AGGREGATION_MAXIMUM,
};

const eventBits: readonly (readonly [kind: keyof MonitorEvents, bit: number])[] = [
  ["drop", RuntimeEvents.RUNTIME_EVENT_DROP],
  ["trace", RuntimeEvents.RUNTIME_EVENT_TRACE],
  ["policyVerdict", RuntimeEvents.RUNTIME_EVENT_POLICY_VERDICT],
];

export function levelNumber(level: MonitorAggregation): number {
  return levelNumbers[level];
}

/** Numbers between two levels mean the lower one. */
export function levelName(value: number): MonitorAggregation {
  if (value >= Levels.AGGREGATION_MAXIMUM) return "maximum";
  if (value >= Levels.AGGREGATION_MEDIUM) return "medium";
  return value >= Levels.AGGREGATION_LOW ? "low" : "none";
}

/** Bits of enum runtime_events; a kind that is absent is off. */
export function encodeEvents(events: Partial<MonitorEvents>): number {
  return eventBits.reduce((bits, [kind, bit]) => bits | (events[kind] === true ? bit : 0), 0);
}

export function decodeEvents(bits: number): MonitorEvents {
  const has = (wanted: number) => (bits & wanted) !== 0;
  return {
    drop: has(RuntimeEvents.RUNTIME_EVENT_DROP),
    trace: has(RuntimeEvents.RUNTIME_EVENT_TRACE),
    policyVerdict: has(RuntimeEvents.RUNTIME_EVENT_POLICY_VERDICT),
  };
}

/** What an endpoint decides itself, as flags of its slot. */
export function encodeOwnMonitor(own: OwnMonitor): number {
  const decided = eventBits.reduce((bits, [kind, bit]) => bits | (own[kind] === undefined ? 0 : bit), 0);
  const level = own.aggregation === undefined ? 0 : levelNumbers[own.aggregation] + 1;
  return (
    (decided << ENDPOINT_OWN_EVENTS_SHIFT) |
    (encodeEvents(own) << ENDPOINT_EVENTS_SHIFT) |
    (level << ENDPOINT_LEVEL_SHIFT)
  );
}

/** Undefined when the endpoint decides nothing itself. */
export function decodeOwnMonitor(flags: number): OwnMonitor | undefined {
  const part = (shift: number) => (flags >>> shift) & ENDPOINT_MONITOR_MASK;
  const [decided, events, level] = [
    part(ENDPOINT_OWN_EVENTS_SHIFT),
    decodeEvents(part(ENDPOINT_EVENTS_SHIFT)),
    part(ENDPOINT_LEVEL_SHIFT),
  ];
  if (decided === 0 && level === 0) return undefined;
  const kinds = eventBits.filter(([, bit]) => (decided & bit) !== 0).map(([kind]) => [kind, events[kind]]);
  return { ...Object.fromEntries(kinds), ...(level === 0 ? {} : { aggregation: levelName(level - 1) }) };
}
