// SPDX-License-Identifier: Apache-2.0
// Which way a silent path is broken: connections that others begin here and that get no further show that what they send
// arrives, and what this node answers does not.
import { readFileSync } from "node:fs";
import { type Family, ipFromBytes } from "../core/index.ts";
import { type Netns, withNetns } from "../kernel/index.ts";

/** The state of a connection of which the first packet came and the last of the handshake did not (TCP_SYN_RECV). */
const synReceived = "03";
/** Reading is dear where there are many connections. */
const keepMs = 1000;

/** Remote addresses, canonical, of connections to `port` that got no further, from /proc/net/tcp (tcp6). Pure. */
export function parseHalfOpen(text: string, port: number): string[] {
  const local = port.toString(16).toUpperCase().padStart(4, "0");
  const line = new RegExp(`: [0-9A-F]+:${local} ([0-9A-F]+):[0-9A-F]{4} ${synReceived} `, "g");
  return Array.from(text.matchAll(line), ([, address = ""]) => ipFromBytes(addressOf(address)));
}

/** The kernel writes addresses as words of 32 bits, which a little-endian machine turns around. */
function addressOf(hex: string): Uint8Array {
  return Buffer.from(hex, "hex").swap32();
}

/** Who asks at `port` of a namespace without getting answers through. */
export class HalfOpen {
  readonly #port: number;
  readonly #families: readonly Family[];
  #netns: Netns | undefined;
  #peers: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(port: number, families: readonly Family[]) {
    this.#port = port;
    this.#families = families;
  }

  /** From now on in that namespace; before it is called, in this process's. */
  lookIn(netns: Netns): void {
    this.#netns = netns;
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** Addresses, canonical, as they were at `now` (a monotonic clock's ms) or up to a second before. */
  peers(now: number): ReadonlySet<string> {
    if (now - this.#readAt < keepMs) return this.#peers;
    this.#readAt = now;
    const read = () => new Set(this.#families.flatMap((family) => parseHalfOpen(connections(family), this.#port)));
    this.#peers = this.#netns === undefined ? read() : withNetns(this.#netns, read);
    return this.#peers;
  }
}

function connections(family: Family): string {
  return readFileSync(`/proc/thread-self/net/tcp${family === 4 ? "" : "6"}`, "latin1");
}
