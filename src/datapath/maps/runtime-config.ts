// SPDX-License-Identifier: Apache-2.0
// cilium_runtime_config: what may change while programs run.
import { ENDPOINT_MONITOR_MASK, RuntimeConfigIndex as Index } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { decodeEvents, encodeEvents, levelName, levelNumber } from "./monitor-codec.ts";
import type { RuntimeConfigMap } from "./types.ts";

/** Typed access to cilium_runtime_config. */
export function createRuntimeConfigMap(map: BpfMap): RuntimeConfigMap {
  const read = (index: number) => readWord(map, index);
  const write = (index: number, value: bigint | number) => map.update(word32(index), word64(BigInt(value)));
  /** Of endpoints that decide themselves: the lowest level, and every event that one of them wants. */
  let own = { level: ENDPOINT_MONITOR_MASK, events: 0 };
  const writeAny = () => {
    write(Index.RUNTIME_ANY_AGGREGATION, Math.min(own.level, Number(read(Index.RUNTIME_MONITOR_AGGREGATION))));
    write(Index.RUNTIME_ANY_EVENTS, own.events | Number(read(Index.RUNTIME_EVENTS)));
  };
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
    setMonitorAggregation(level) {
      write(Index.RUNTIME_MONITOR_AGGREGATION, levelNumber(level));
      writeAny();
    },
    setMonitorInterval: (seconds) => write(Index.RUNTIME_MONITOR_INTERVAL, seconds),
    setEvents(events) {
      write(Index.RUNTIME_EVENTS, encodeEvents(events));
      writeAny();
    },
    setOwnMonitors(monitors) {
      own = { level: ENDPOINT_MONITOR_MASK, events: 0 };
      for (const monitor of monitors) {
        own.events |= encodeEvents(monitor);
        if (monitor.aggregation !== undefined) own.level = Math.min(own.level, levelNumber(monitor.aggregation));
      }
      writeAny();
    },
    lostEvents: () => Number(read(Index.RUNTIME_EVENTS_LOST)),
    setAgentLiveness: (nanoseconds) => write(Index.RUNTIME_AGENT_LIVENESS, nanoseconds),
  };
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
