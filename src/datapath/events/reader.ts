// SPDX-License-Identifier: Apache-2.0
// Reads cilium_events: decodes records as they come and hands them on in batches.
import { type BpfMap, RingBuffer } from "../../kernel/index.ts";
import { decodeEvent } from "./decode.ts";
import type { DatapathEvent, EventReader, EventReaderOptions, RawReaderOptions } from "./types.ts";

const DEFAULT_BATCH = 1024;
/** Milliseconds. Else each event of a connection would wake the agent, at ten times the cost of writing it. */
const REST = 20;

/** A reader of the ring buffer `map`, which stays the caller's; `lost` asks the programs' own counter. */
export function createEventReader(map: BpfMap, lost: () => number, options: EventReaderOptions = {}): EventReader {
  return new RingReader(map, lost, options.batchSize ?? DEFAULT_BATCH);
}

class RingReader implements EventReader {
  readonly #ring: RingBuffer;
  readonly #lost: () => number;
  readonly #batchSize: number;
  #running: Disposable | undefined;
  #received = 0;

  constructor(map: BpfMap, lost: () => number, batchSize: number) {
    this.#ring = new RingBuffer(map);
    this.#lost = lost;
    this.#batchSize = batchSize;
  }

  start(onBatch: (events: readonly DatapathEvent[]) => void): void {
    this.stop();
    let batch: DatapathEvent[] = [];
    const flush = () => {
      if (batch.length === 0) return;
      const events = batch;
      batch = [];
      this.#received += events.length;
      onBatch(events);
    };
    this.#running = this.#ring.start(
      (bytes, _view, offset, length) => {
        batch.push(decodeEvent(bytes.subarray(offset, offset + length)));
        if (batch.length >= this.#batchSize) flush();
      },
      { onBatchEnd: flush, rest: REST },
    );
  }

  startRaw(onRecord: (record: Uint8Array) => void, options: RawReaderOptions = {}): void {
    this.stop();
    const { wanted = () => true, onBatchEnd } = options;
    this.#running = this.#ring.start(
      (bytes, _view, offset, length) => {
        this.#received++;
        if (wanted()) onRecord(bytes.subarray(offset, offset + length));
      },
      { rest: REST, ...(onBatchEnd && { onBatchEnd }) },
    );
  }

  stop(): void {
    this.#running?.[Symbol.dispose]();
    this.#running = undefined;
  }

  get lost(): number {
    return this.#lost();
  }

  get received(): number {
    return this.#received;
  }

  [Symbol.dispose](): void {
    this.stop();
    this.#ring.close();
  }
}
