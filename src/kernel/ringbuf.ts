// SPDX-License-Identifier: Apache-2.0
// Reads a BPF ring buffer (BPF_MAP_TYPE_RINGBUF) by mmap: no system call and no copy for a record.
import type { BpfMap } from "./bpf/map.ts";
import { type FdWatch, watchFd } from "./epoll.ts";
import { Mapping, PAGE_SIZE } from "./mapping.ts";

const HEADER_SIZE = 8;
const BUSY_BIT = 0x80000000;
const DISCARD_BIT = 0x40000000;
const LENGTH_MASK = 0x3fffffff;
/** Records that one wake-up handles before other work gets its turn. */
const BATCH = 16 * 1024;

/** The record is `length` bytes from `offset` in what `bytes` and `view` show, all of which is valid during the call only. */
export type RecordHandler = (bytes: Uint8Array, view: DataView, offset: number, length: number) => void;

export interface RingStartOptions {
  /** Gets the number of records after each run of them. */
  readonly onBatchEnd?: (count: number) => void;
  /**
   * Milliseconds of rest after records came, before the next look; 0, the default: none. The kernel wakes the consumer
   * only for a record in front of which everything is consumed, so while the consumer rests the writers pay for no
   * wake-up. The first record after a quiet time is seen at once.
   */
  readonly rest?: number;
}

/** The one consumer of a ring buffer. Close it before the map's process state matters; the map stays the caller's. */
export class RingBuffer implements Disposable {
  readonly #map: BpfMap;
  readonly #consumerMap: Mapping;
  readonly #producerMap: Mapping;
  readonly #consumer: BigInt64Array<ArrayBuffer>;
  readonly #producer: BigInt64Array<ArrayBuffer>;
  readonly #headers: Int32Array<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #mask: number;
  /** A record that goes over the buffer's end, in one piece. */
  #scratch = new Uint8Array(0);
  #scratchView = new DataView(this.#scratch.buffer);
  #position: number;
  #running: Disposable | undefined;

  constructor(map: BpfMap) {
    if (map.type !== "ringbuf")
      throw new TypeError(`Cannot read map "${map.name}" as ring buffer: its type is ${map.type}`);
    const size = map.maxEntries;
    this.#map = map;
    this.#mask = size - 1;
    this.#consumerMap = Mapping.of(map.fd, { length: PAGE_SIZE, offset: 0, writable: true });
    try {
      // The kernel would map the data twice in a row; each time counts as this process's memory.
      const length = PAGE_SIZE + size;
      this.#producerMap = Mapping.of(map.fd, { length, offset: PAGE_SIZE, writable: false });
    } catch (error) {
      this.#consumerMap.close();
      throw error;
    }
    this.#consumer = new BigInt64Array(this.#consumerMap.buffer(), 0, 1);
    const shared = this.#producerMap.buffer();
    this.#producer = new BigInt64Array(shared, 0, 1);
    this.#headers = new Int32Array(shared, PAGE_SIZE);
    this.#bytes = new Uint8Array(shared, PAGE_SIZE);
    this.#view = new DataView(shared, PAGE_SIZE);
    this.#position = Number(Atomics.load(this.#consumer, 0));
  }

  /** Bytes that wait to be consumed. */
  get pendingBytes(): number {
    return Number(Atomics.load(this.#producer, 0)) - this.#position;
  }

  /** Hands over each waiting record, at most `limit`; discarded ones are skipped. Returns how many were handed over. */
  consume(handler: RecordHandler, limit: number = Number.MAX_SAFE_INTEGER): number {
    const start = this.#position;
    let count = 0;
    try {
      while (count < limit) {
        const end = Number(Atomics.load(this.#producer, 0));
        if (this.#position >= end) break;
        const before = count;
        count = this.#consumeUntil(end, handler, count, limit);
        // The next record is still being written.
        if (count === before && this.#position < end) break;
      }
    } finally {
      if (this.#position !== start) Atomics.store(this.#consumer, 0, BigInt(this.#position));
    }
    return count;
  }

  #consumeUntil(end: number, handler: RecordHandler, startCount: number, limit: number): number {
    const headers = this.#headers;
    const mask = this.#mask;
    let count = startCount;
    let position = this.#position;
    while (position < end && count < limit) {
      const at = position & mask;
      const header = Atomics.load(headers, at >>> 2) >>> 0;
      if (header >= BUSY_BIT) break;
      const length = header & LENGTH_MASK;
      position += (HEADER_SIZE + length + 7) & ~7;
      this.#position = position;
      if ((header & DISCARD_BIT) !== 0) continue;
      count++;
      const offset = (at + HEADER_SIZE) & mask;
      if (offset + length <= mask + 1) handler(this.#bytes, this.#view, offset, length);
      else this.#handOverJoined(handler, offset, length);
    }
    return count;
  }

  /** A record whose end is at the buffer's beginning. */
  #handOverJoined(handler: RecordHandler, offset: number, length: number): void {
    if (this.#scratch.length < length) {
      this.#scratch = new Uint8Array(length);
      this.#scratchView = new DataView(this.#scratch.buffer);
    }
    const first = this.#mask + 1 - offset;
    this.#scratch.set(this.#bytes.subarray(offset));
    this.#scratch.set(this.#bytes.subarray(0, length - first), first);
    handler(this.#scratch, this.#scratchView, 0, length);
  }

  /**
   * Consumes whenever records arrive, until the handle is disposed. Programs that submit with BPF_RB_NO_WAKEUP are seen
   * with the next wake-up only: poll with consume() then.
   */
  start(handler: RecordHandler, options: RingStartOptions = {}): Disposable {
    if (this.#running !== undefined)
      throw new Error(`Cannot start ring buffer "${this.#map.name}": it is started already`);
    const run = (): number => {
      const count = this.consume(handler, BATCH);
      if (count > 0) options.onBatchEnd?.(count);
      return count;
    };
    const { rest = 0 } = options;
    const watch = rest > 0 ? watchWithRests(this.#map, run, rest) : watchFd(this.#map.fd, run);
    const running = {
      [Symbol.dispose]: () => {
        if (this.#running === running) this.#running = undefined;
        watch[Symbol.dispose]();
      },
    };
    this.#running = running;
    return running;
  }

  close(): void {
    this.#running?.[Symbol.dispose]();
    this.#producerMap.close();
    this.#consumerMap.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Between two runs that find something lies a rest, during which nothing is watched. */
function watchWithRests(map: BpfMap, run: () => number, rest: number): Disposable {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const watch: FdWatch = watchFd(map.fd, () => {
    const count = run();
    if (count === 0 || ended) return;
    watch.pause();
    sleep(count);
  });
  const sleep = (found: number): void => {
    timer = setTimeout(wake, found < BATCH ? rest : 0);
  };
  const wake = (): void => {
    const count = run();
    if (ended) return;
    if (count > 0) sleep(count);
    else watch.resume();
  };
  return {
    [Symbol.dispose]: () => {
      ended = true;
      clearTimeout(timer);
      watch[Symbol.dispose]();
    },
  };
}
