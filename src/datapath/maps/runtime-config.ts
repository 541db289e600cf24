// SPDX-License-Identifier: Apache-2.0
// cilium_runtime_config: what may change while programs run.
import { RuntimeConfigIndex as Index, MonitorAggregation as Levels, RuntimeEvents } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import type { MonitorAggregation, MonitorEvents } from "../types.ts";
import type { RuntimeConfigMap } from "./types.ts";

const levelNumbers: Readonly<Record<MonitorAggregation, number>> = {
  none: Levels.AGGREGATION_NONE,
  low: Levels.AGGREGATION_LOW,
  medium: Levels.AGGREGATION_MEDIUM,
  maximum: Levels.AGGREGATION_MAXIMUM,
};

/** Typed access to cilium_runtime_config. */
export function createRuntimeConfigMap(map: BpfMap): RuntimeConfigMap {
  const read = (index: number) => readWord(map, index);
  const write = (index: number, value: bigint) => map.update(word32(index), word64(value));
  return {
    get: () => ({
      utimeOffset: read(Index.RUNTIME_UTIME_OFFSET),
      agentLiveness: read(Index.RUNTIME_AGENT_LIVENESS),
      ipcacheRevision: read(Index.RUNTIME_IPCACHE_REVISION),
      monitorAggregation: levelName(Number(read(Index.RUNTIME_MONITOR_AGGREGATION))),
      monitorInterval: Number(read(Index.RUNTIME_MONITOR_INTERVAL)),
      monitorEvents: decodeEvents(Number(read(Index.RUNTIME_EVENTS))),
    }),
    bumpIpcacheRevision() {
      const next = read(Index.RUNTIME_IPCACHE_REVISION) + 1n;
      write(Index.RUNTIME_IPCACHE_REVISION, next);
      return next;
    },
    setMonitorAggregation: (level) => write(Index.RUNTIME_MONITOR_AGGREGATION, BigInt(levelNumbers[level])),
    setMonitorInterval: (seconds) => write(Index.RUNTIME_MONITOR_INTERVAL, BigInt(seconds)),
    setEvents: (events) => write(Index.RUNTIME_EVENTS, BigInt(encodeEvents(events))),
    lostEvents: () => Number(read(Index.RUNTIME_EVENTS_LOST)),
    setAgentLiveness: (nanoseconds) => write(Index.RUNTIME_AGENT_LIVENESS, nanoseconds),
  };
}

function encodeEvents(events: MonitorEvents): number {
  return (
    (events.drop ? RuntimeEvents.RUNTIME_EVENT_DROP : 0) |
    (events.trace ? RuntimeEvents.RUNTIME_EVENT_TRACE : 0) |
    (events.policyVerdict ? RuntimeEvents.RUNTIME_EVENT_POLICY_VERDICT : 0)
  );
}

function decodeEvents(bits: number): MonitorEvents {
  return {
    drop: (bits & RuntimeEvents.RUNTIME_EVENT_DROP) !== 0,
    trace: (bits & RuntimeEvents.RUNTIME_EVENT_TRACE) !== 0,
    policyVerdict: (bits & RuntimeEvents.RUNTIME_EVENT_POLICY_VERDICT) !== 0,
  };
}

/** Numbers between two levels mean the lower one. */
function levelName(value: number): MonitorAggregation {
  if (value >= Levels.AGGREGATION_MAXIMUM) return "maximum";
  if (value >= Levels.AGGREGATION_MEDIUM) return "medium";
  return value >= Levels.AGGREGATION_LOW ? "low" : "none";
}

function readWord(map: BpfMap, index: number): bigint {
  const value = map.lookup(word32(index));
  return value === undefined ? 0n : new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
}

function word32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function word64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
