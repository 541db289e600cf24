// SPDX-License-Identifier: Apache-2.0
// Reads the kernel's events and hands them, raw, to whoever listens.
import type { MonitorRecord } from "../../src/api/index.ts";
import type { Health, Module } from "../../src/core/index.ts";
import type { Datapath, EventReader } from "../../src/datapath/index.ts";

const sampleRecord = 9;

export interface EventModule extends Module {
  /** Called for every event until disposed; must be cheap. */
  subscribe(listener: (record: MonitorRecord) => void): Disposable;
  /** Events read, and events that found no room in the ring. */
  counts(): { read: number; lost: number };
}

/** The one reader of the ring buffer. Without listeners events are read and let go, so that the ring never fills. */
export function createEventModule(datapath: Pick<Datapath, "createEventReader">): EventModule {
  const listeners = new Set<(record: MonitorRecord) => void>();
  let reader: EventReader | undefined;
  return {
    name: "events",
    async start() {
      reader = datapath.createEventReader();
      reader.startRaw((bytes) => {
        if (listeners.size === 0) return;
        const record: MonitorRecord = { data: new Uint8Array(bytes), cpu: 0, lost: 0, type: sampleRecord };
        for (const listener of listeners) listener(record);
      });
    },
    async stop() {
      reader?.[Symbol.dispose]();
      reader = undefined;
    },
    health(): Health {
      const lost = reader?.lost ?? 0;
      return lost === 0 ? { state: "ok" } : { state: "ok", message: `${lost} events lost` };
    },
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    counts: () => ({ read: reader?.received ?? 0, lost: reader?.lost ?? 0 }),
  };
}
