// SPDX-License-Identifier: Apache-2.0
// Rule cookies: the number in a map entry that names the rule it was made for.
import { CiliumError } from "../../core/index.ts";
import type { RuleOrigin } from "../types.ts";

/** The local host's standing right to reach its pods. */
export const cookieHost = 1;
const firstCookie = 16;
const maxCookie = 0xffffffff;
const maxRetired = 4096;

const hostOrigin: RuleOrigin = {
  policy: "",
  kind: "",
  direction: "ingress",
  section: "host",
  description: "The local host may always reach its pods",
};

/** What a registry is made from again after a restart. */
export interface CookieSnapshot {
  readonly next: number;
  readonly cookies: readonly (readonly [number, RuleOrigin])[];
}

/**
 * Cookie by rule and back. A rule keeps its cookie while its policy stays, over changes of its contents and (through
 * a snapshot) over restarts. The cookies of rules that went stay known for a while, since events on their way and
 * conntrack entries may carry them; a rule that comes back meanwhile gets its old one.
 */
export class CookieRegistry {
  readonly #cookies = new Map<string, number>();
  readonly #origins = new Map<number, RuleOrigin>();
  /** Cookies of rules that went, oldest first. */
  readonly #retired = new Set<number>();
  #next = firstCookie;

  /** Goes on from a snapshot and what was given since, oldest first. Throws for what is not of this shape. */
  static fromJSON(snapshot: CookieSnapshot, since: readonly (readonly [number, RuleOrigin])[] = []): CookieRegistry {
    const registry = new CookieRegistry();
    for (const [cookie, origin] of snapshot.cookies) {
      if (!isCookie(cookie) || registry.#origins.has(cookie) || registry.#cookies.has(keyOf(origin))) {
        throw new CiliumError(`Cannot restore rule cookies: bad or doubled cookie ${cookie} (remove the state file)`);
      }
      registry.#origins.set(cookie, origin);
      registry.#cookies.set(keyOf(origin), cookie);
      // Until its policy is there again nobody uses it.
      registry.#retired.add(cookie);
    }
    if (isCookie(snapshot.next)) registry.#next = snapshot.next;
    for (const [cookie, origin] of since) registry.#restore(cookie, origin);
    return registry;
  }

  toJSON(): CookieSnapshot {
    return { next: this.#next, cookies: [...this.#origins] };
  }

  /** How many cookies are known. */
  get size(): number {
    return this.#origins.size;
  }

  /** The first number that may be given next. */
  get next(): number {
    return this.#next;
  }

  /** Cookies given since `next` was this, and still known; undefined when numbers began anew meanwhile. */
  since(next: number): (readonly [number, RuleOrigin])[] | undefined {
    if (next > this.#next) return undefined;
    const given: (readonly [number, RuleOrigin])[] = [];
    for (let cookie = next; cookie < this.#next; cookie++) {
      const origin = this.#origins.get(cookie);
      if (origin !== undefined) given.push([cookie, origin]);
    }
    return given;
  }

  /** The cookie of a rule; a new one if it has none. */
  cookieOf(origin: RuleOrigin): number {
    const key = keyOf(origin);
    const cookie = this.#cookies.get(key) ?? this.#take();
    this.#cookies.set(key, cookie);
    this.#origins.set(cookie, origin);
    this.#retired.delete(cookie);
    return cookie;
  }

  /** The rule of a cookie; undefined for 0 and for numbers never given or long gone. */
  originOf(cookie: number): RuleOrigin | undefined {
    return cookie === cookieHost ? hostOrigin : this.#origins.get(cookie);
  }

  /** The rule went. Its cookie stays known until many others went after it. */
  retire(origin: RuleOrigin): void {
    const cookie = this.#cookies.get(keyOf(origin));
    if (cookie === undefined) return;
    this.#retired.add(cookie);
    for (const oldest of this.#retired) {
      if (this.#retired.size <= maxRetired) break;
      this.#forget(oldest);
    }
  }

  /** The rule was given this cookie; what rule or number had before is over. */
  #restore(cookie: number, origin: RuleOrigin): void {
    if (!isCookie(cookie)) throw new CiliumError(`Cannot restore rule cookies: bad cookie ${cookie}`);
    const earlier = this.#cookies.get(keyOf(origin));
    if (earlier !== undefined) this.#forget(earlier);
    this.#forget(cookie);
    this.#origins.set(cookie, origin);
    this.#cookies.set(keyOf(origin), cookie);
    this.#retired.add(cookie);
    this.#next = cookie >= maxCookie ? firstCookie : Math.max(this.#next, cookie + 1);
  }

  #forget(cookie: number): void {
    const origin = this.#origins.get(cookie);
    this.#retired.delete(cookie);
    this.#origins.delete(cookie);
    if (origin !== undefined) this.#cookies.delete(keyOf(origin));
  }

  #take(): number {
    while (this.#origins.has(this.#next)) this.#step();
    const cookie = this.#next;
    this.#step();
    return cookie;
  }

  #step(): void {
    this.#next = this.#next >= maxCookie ? firstCookie : this.#next + 1;
  }
}

function keyOf({ kind, policy, direction, section }: RuleOrigin): string {
  return `${kind}/${policy}/${direction}/${section}`;
}

function isCookie(value: number): boolean {
  return Number.isInteger(value) && value >= firstCookie && value <= maxCookie;
}
