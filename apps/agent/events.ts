// SPDX-License-Identifier: Apache-2.0
// Reads the kernel's events and hands them, raw, to whoever listens.
import { type AgentNotification, encodeAgentNotify, type MonitorRecord } from "../../src/api/index.ts";
import type { Health, Module } from "../../src/core/index.ts";
import type { Datapath, EventReader } from "../../src/datapath/index.ts";

const sampleRecord = 9;
const lostRecord = 2;
/** Milliseconds within which listeners are told of events that found no room. */
const lostDelay = 100;

export interface EventModule extends Module {
  /** Called for every event until disposed; must be cheap. */
  subscribe(listener: (record: MonitorRecord) => void): Disposable;
  /** Sends listeners an event of the agent's own; `message` goes as JSON. */
  notify(kind: AgentNotification, message: unknown): void;
  /** Whether anybody listens. */
  readonly listening: boolean;
  /** Events read, and events that found no room in the ring. */
  counts(): { read: number; lost: number };
}

/** The one reader of the ring buffer. Without listeners events are read and let go, so that the ring never fills. */
export function createEventModule(datapath: Pick<Datapath, "createEventReader">): EventModule {
  const listeners = new Set<(record: MonitorRecord) => void>();
  let reader: EventReader | undefined;
  /** Of the lost events, those that listeners know of. */
  let told = 0;
  let timer: NodeJS.Timeout | undefined;
  const publish = (record: MonitorRecord): void => {
    for (const listener of listeners) listener(record);
  };
  const tellLost = (): void => {
    timer = undefined;
    const lost = reader?.lost ?? told;
    if (lost > told) publish({ data: new Uint8Array(0), cpu: 0, lost: lost - told, type: lostRecord });
    told = lost;
  };
  // Events are lost only while the ring is full, so that a run of records always follows.
  const look = (): void => {
    if (listeners.size > 0) timer ??= setTimeout(tellLost, lostDelay);
  };
  return {
    name: "events",
    async start() {
      reader = datapath.createEventReader();
      told = reader.lost;
      reader.startRaw((bytes) => publish({ data: new Uint8Array(bytes), cpu: 0, lost: 0, type: sampleRecord }), {
        wanted: () => listeners.size > 0,
        onBatchEnd: look,
      });
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      reader?.[Symbol.dispose]();
      reader = undefined;
    },
    health(): Health {
      const lost = reader?.lost ?? 0;
      return lost === 0 ? { state: "ok" } : { state: "ok", message: `${lost} events lost` };
    },
    subscribe(listener) {
      // What was lost before is not this listener's.
      tellLost();
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    notify(kind, message) {
      if (listeners.size > 0) publish({ data: encodeAgentNotify(kind, message), cpu: 0, lost: 0, type: sampleRecord });
    },
    get listening() {
      return listeners.size > 0;
    },
    counts: () => ({ read: reader?.received ?? 0, lost: reader?.lost ?? 0 }),
  };
}
