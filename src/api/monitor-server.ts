// SPDX-License-Identifier: Apache-2.0
// The monitor socket (monitor1_2.sock): every connection gets all events as a gob stream.
import { createServer, type Server, type Socket } from "node:net";
import { encodeRecord, encodeTypeDefinition } from "./gob/encode.ts";
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
/** What may wait in a slow listener's connection before events are dropped and counted, in bytes. */
const maxBacklog = 4 * 1024 * 1024;

interface Listener {
  readonly socket: Socket;
  lost: number;
  pending: Uint8Array[];
  pendingBytes: number;
}

/** Makes the server. Events are asked for only while somebody listens. */
export function createMonitorServer(options: MonitorServerOptions): MonitorServer {
  const listeners = new Set<Listener>();
  let subscription: Disposable | undefined;
  let flushing = false;

  const flush = (): void => {
    flushing = false;
    for (const listener of listeners) writeOut(listener);
  };
  const publish = (record: MonitorRecord): void => {
    const bytes = encodeRecord(record);
    for (const listener of listeners) enqueue(listener, bytes);
    if (flushing) return;
    flushing = true;
    setImmediate(flush);
  };
  const server = createServer((socket) => {
    const listener: Listener = { socket, lost: 0, pending: [], pendingBytes: 0 };
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      subscription?.[Symbol.dispose]();
      subscription = undefined;
    });
    socket.resume();
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

function enqueue(listener: Listener, bytes: Uint8Array): void {
  if (listener.socket.writableLength + listener.pendingBytes > maxBacklog) {
    listener.lost++;
    return;
  }
  if (listener.lost > 0) {
    const lost = encodeRecord({ data: new Uint8Array(0), cpu: 0, lost: listener.lost, type: 2 });
    listener.lost = 0;
    listener.pending.push(lost);
    listener.pendingBytes += lost.length;
  }
  listener.pending.push(bytes);
  listener.pendingBytes += bytes.length;
}

function writeOut(listener: Listener): void {
  if (listener.pendingBytes === 0 || listener.socket.destroyed) return;
  listener.socket.write(Buffer.concat(listener.pending));
  listener.pending = [];
  listener.pendingBytes = 0;
}

function close(server: Server, listeners: ReadonlySet<Listener>): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const { socket } of listeners) socket.destroy();
  });
}
