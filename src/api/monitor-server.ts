// SPDX-License-Identifier: Apache-2.0
// The monitor socket (monitor1_2.sock): every connection gets all events as a gob stream.
import { createServer, type Server, type Socket } from "node:net";
import { encodeRecord, encodeRecordInto, encodeTypeDefinition, recordOverhead } from "./gob/encode.ts";
import type { AgentApi, MonitorRecord } from "./types.ts";
import { listenUnix } from "./unix-socket.ts";

export interface MonitorServerOptions {
  readonly api: Pick<AgentApi, "subscribeMonitor">;
  /** Usually /var/run/cilium/monitor1_2.sock. */
  readonly socketPath: string;
  /** Default 0o660. */
  readonly mode?: number;
}

export interface MonitorServer {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Connected listeners. */
  readonly listeners: number;
}

const maxListeners = 64;
const lostType = 2;
/** What may wait in a slow listener's connection before events are dropped and counted, in bytes. */
const maxBacklog = 4 * 1024 * 1024;

/** Records are gathered into pieces of this size, which all listeners share. */
const pieceBytes = 64 * 1024;

interface Listener {
  readonly socket: Socket;
  /** Events that it has not been told of yet. */
  lost: number;
}

/** Makes the server. Events are asked for only while somebody listens. */
export function createMonitorServer(options: MonitorServerOptions): MonitorServer {
  const listeners = new Set<Listener>();
  let subscription: Disposable | undefined;
  let flushing = false;

  const piece = new Piece();
  const flush = (): void => {
    flushing = false;
    if (piece.events === 0) return;
    const { events } = piece;
    const bytes = piece.take();
    for (const listener of listeners) send(listener, bytes, events);
  };
  const publish = (record: MonitorRecord): void => {
    if (!piece.add(record)) {
      flush();
      piece.add(record);
    }
    if (flushing) return;
    flushing = true;
    setImmediate(flush);
  };
  const server = createServer((socket) => {
    const listener: Listener = { socket, lost: 0 };
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      subscription?.[Symbol.dispose]();
      subscription = undefined;
    });
    socket.on("drain", () => tellLost(listener));
    socket.resume();
    // What came before belongs to the others.
    flush();
    socket.write(encodeTypeDefinition());
    listeners.add(listener);
    subscription ??= options.api.subscribeMonitor(publish);
  });
  server.maxConnections = maxListeners;
  return {
    start: () => listenUnix(server, options.socketPath, options.mode ?? 0o660),
    stop: () => close(server, listeners),
    get listeners() {
      return listeners.size;
    },
  };
}

/** Encoded records that wait to be sent. */
class Piece {
  /** Events in it; a record of lost ones counts as them. */
  events = 0;
  #bytes = new Uint8Array(pieceBytes);
  #used = 0;

  /** False when it has no room: take it first. A record larger than a piece gets one of its size. */
  add(record: MonitorRecord): boolean {
    const most = record.data.length + recordOverhead;
    if (this.#used + most > this.#bytes.length) {
      if (this.#used > 0) return false;
      this.#bytes = new Uint8Array(most);
    }
    this.#used = encodeRecordInto(this.#bytes, this.#used, record);
    this.events += record.type === lostType ? record.lost : 1;
    return true;
  }

  /** Gives the bytes away and starts anew. */
  take(): Uint8Array {
    // A small piece is copied: it would keep all of its buffer in a slow listener's backlog.
    const bytes = this.#used * 4 < this.#bytes.length ? this.#bytes.slice(0, this.#used) : this.#whole();
    this.#used = 0;
    this.events = 0;
    return bytes;
  }

  #whole(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#used);
    this.#bytes = new Uint8Array(pieceBytes);
    return bytes;
  }
}

function send(listener: Listener, bytes: Uint8Array, events: number): void {
  if (listener.socket.destroyed) return;
  if (listener.socket.writableLength > maxBacklog) {
    listener.lost += events;
    return;
  }
  tellLost(listener);
  listener.socket.write(bytes);
}

function tellLost(listener: Listener): void {
  if (listener.lost === 0 || listener.socket.destroyed) return;
  listener.socket.write(encodeRecord({ data: new Uint8Array(0), cpu: 0, lost: listener.lost, type: lostType }));
  listener.lost = 0;
}

function close(server: Server, listeners: ReadonlySet<Listener>): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const { socket } of listeners) socket.destroy();
  });
}
