// SPDX-License-Identifier: Apache-2.0
// ICMP echo over a socket for each family; the kernel sets identifier and checksum.
import { createSocket, type Socket } from "node:dgram";
import { ipFamily, toError } from "../core/index.ts";
import {
  Errno,
  type Fd,
  openPingSocket,
  type PingSocketOptions,
  readSysctl,
  SyscallError,
  writeSysctl,
} from "../kernel/index.ts";
import type { ProbeResult } from "./types.ts";

const echoRequest = { 4: 8, 6: 128 } as const;
const echoReply = { 4: 0, 6: 129 } as const;
const headerLength = 8;
const ipHeaderLength = { 4: 20, 6: 40 } as const;
const groupRange = "net.ipv4.ping_group_range";
/** The kernel wants one, and looks at none. */
const anyPort = 1;

/**
 * A packet that a program drops as it leaves is ENOBUFS to the sender, and libuv sends it again at once, without end:
 * such a socket is given up.
 */
const stuckMs = 200;

/** A question that has no answer yet. */
interface Waiting {
  readonly ip: string;
  readonly request: Buffer;
  readonly end: (result: ProbeResult) => void;
  /** What it was sent over last. */
  socket?: Socket;
  /** Whether that has taken it. */
  taken: boolean;
  sent: bigint;
  stuck?: NodeJS.Timeout;
}

const maxWaiting = 0x10000;

/** Opens an ICMP socket. */
export type OpenPing = (family: 4 | 6) => Fd;

/** As openPingSocket(); lets this process's group (root's) open such sockets where nobody's or others' may only. */
export function openAllowedPing(family: 4 | 6, options: PingSocketOptions = {}): Fd {
  try {
    return openPingSocket(family, options);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== Errno.EACCES) throw error;
  }
  const [low = 1, high = 0] = readSysctl(groupRange, options.netns).split(/\s+/).map(Number);
  writeSysctl(groupRange, `0 ${low > high ? 0 : high}`, options.netns);
  return openPingSocket(family, options);
}

/** Asks for echoes. */
export class Pinger implements Disposable {
  readonly #open: OpenPing;
  readonly #sockets = new Map<4 | 6, Socket>();
  readonly #waiting = new Map<number, Waiting>();
  #sequence = 0;
  #disposed = false;

  constructor(open: OpenPing = openAllowedPing) {
    this.#open = open;
  }

  /**
   * Resolves with the round trip, or with why there was none within `timeoutMs`. `size`: of the packet in bytes, IP
   * header included; by default as small as it gets.
   */
  async ping(ip: string, timeoutMs: number, size = 0): Promise<ProbeResult> {
    if (this.#disposed) return { ok: false, problem: "stopped" };
    if (this.#waiting.size >= maxWaiting) return { ok: false, problem: "too many questions wait for their answers" };
    const family = ipFamily(ip);
    const sequence = this.#nextSequence();
    const request = Buffer.alloc(Math.max(headerLength, size - ipHeaderLength[family]));
    request[0] = echoRequest[family];
    request.writeUInt16BE(sequence, 6);
    return await new Promise((resolve) => {
      const end = (result: ProbeResult) => {
        clearTimeout(timer);
        clearTimeout(waiting.stuck);
        this.#waiting.delete(sequence);
        resolve(result);
      };
      const timer = setTimeout(end, timeoutMs, { ok: false, problem: `no reply within ${timeoutMs / 1000} s` });
      const waiting: Waiting = { ip, request, end, taken: false, sent: 0n };
      this.#waiting.set(sequence, waiting);
      this.#send(waiting, family);
    });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const { end } of [...this.#waiting.values()]) end({ ok: false, problem: "stopped" });
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #send(waiting: Waiting, family: 4 | 6): void {
    let socket: Socket;
    try {
      socket = this.#socket(family);
    } catch (error) {
      waiting.end({ ok: false, problem: toError(error).message });
      return;
    }
    clearTimeout(waiting.stuck);
    Object.assign(waiting, { socket, taken: false, sent: process.hrtime.bigint() });
    // Where the process was late itself, the answer of send() comes between the timer and this.
    waiting.stuck = setTimeout(() => setImmediate(() => this.#giveUp(socket, family)), stuckMs);
    socket.send(waiting.request, anyPort, waiting.ip, (error) => {
      if (waiting.socket !== socket) return;
      waiting.taken = true;
      clearTimeout(waiting.stuck);
      if (error !== null) waiting.end({ ok: false, problem: (error as NodeJS.ErrnoException).code ?? error.message });
    });
  }

  /** Packets leave in their order: the first that has not is the one that cannot. The others are sent once more. */
  #giveUp(socket: Socket, family: 4 | 6): void {
    const [stuck, ...others] = [...this.#waiting.values()]
      .filter((waiting) => waiting.socket === socket)
      .sort((a, b) => Number(a.taken) - Number(b.taken));
    if (stuck === undefined || stuck.taken) return;
    stuck.end({ ok: false, problem: "it cannot be sent" });
    this.#forget(socket, family);
    for (const waiting of others) this.#send(waiting, family);
  }

  #socket(family: 4 | 6): Socket {
    const present = this.#sockets.get(family);
    if (present !== undefined) return present;
    // First: what cannot be opened must not leave a socket behind.
    const fd = this.#open(family);
    const socket = createSocket(family === 4 ? "udp4" : "udp6");
    socket.on("message", (reply, { address }) => this.#take(reply, address, family));
    // Errors of single packets come by send(); one of the socket itself makes the next ping open another.
    socket.on("error", () => this.#forget(socket, family));
    socket.bind({ fd: fd.disown() });
    socket.unref();
    this.#sockets.set(family, socket);
    return socket;
  }

  #forget(socket: Socket, family: 4 | 6): void {
    if (this.#sockets.get(family) !== socket) return;
    this.#sockets.delete(family);
    socket.close();
  }

  /** A reply counts for the address that was asked only. */
  #take(reply: Uint8Array, address: string, family: 4 | 6): void {
    if (reply.length < headerLength || reply[0] !== echoReply[family]) return;
    const sequence = ((reply[6] ?? 0) << 8) | (reply[7] ?? 0);
    const waiting = this.#waiting.get(sequence);
    if (waiting === undefined || waiting.ip !== address.replace(/%.*$/, "")) return;
    waiting.end({ ok: true, latencyNs: Number(process.hrtime.bigint() - waiting.sent) });
  }

  #nextSequence(): number {
    do this.#sequence = (this.#sequence + 1) & 0xffff;
    while (this.#waiting.has(this.#sequence));
    return this.#sequence;
  }
}
