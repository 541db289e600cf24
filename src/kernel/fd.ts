// SPDX-License-Identifier: Apache-2.0
// File descriptors as a type: whoever holds an Fd closes it. In tests each one remembers where it was made.

import { SyscallError } from "./errors.ts";
import { c } from "./ffi.ts";

const F_DUPFD_CLOEXEC = 1030;

interface Origin {
  readonly what: string;
  readonly value: number;
  readonly stack: string | undefined;
}

const open = new Map<symbol, Origin>();
const collected: Origin[] = [];
let tracking = false;

const registry = new FinalizationRegistry<{ key: symbol; origin: Origin }>(({ key, origin }) => {
  open.delete(key);
  if (tracking) collected.push(origin);
  else process.emitWarning(`File descriptor ${origin.value} (${origin.what}) was dropped without close`);
});

/** Owner of one file descriptor. */
export class Fd implements Disposable {
  readonly what: string;
  #value: number;
  readonly #key = Symbol();

  private constructor(value: number, what: string) {
    this.what = what;
    this.#value = value;
    const origin = { what, value, stack: tracking ? new Error(what).stack : undefined };
    if (tracking) open.set(this.#key, origin);
    registry.register(this, { key: this.#key, origin }, this);
  }

  /** Takes over `value`; `what` names it in messages. */
  static own(value: number, what: string): Fd {
    return new Fd(value, what);
  }

  /** Throws after close. */
  get value(): number {
    if (this.#value < 0) throw new Error(`Cannot use ${this.what}: it is closed`);
    return this.#value;
  }

  get closed(): boolean {
    return this.#value < 0;
  }

  /** Another descriptor of the same open file, with its own owner. */
  dup(): Fd {
    return Fd.own(dupValue(this.value, this.what), this.what);
  }

  /** Gives the number away: the caller closes it. */
  disown(): number {
    const value = this.value;
    this.#value = -1;
    open.delete(this.#key);
    registry.unregister(this);
    return value;
  }

  /** Closing twice is allowed. */
  close(): void {
    if (this.#value >= 0) c.close(this.disown());
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What `use` gives; the resource is closed when it throws. */
export function orClose<R extends { close(): void }, T>(resource: R, use: (resource: R) => T): T {
  try {
    return use(resource);
  } catch (error) {
    resource.close();
    throw error;
  }
}

/** Copies a descriptor number that someone else owns. */
export function dupValue(value: number, what: string): number {
  const copy = c.fcntl(value, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw SyscallError.last("fcntl(F_DUPFD_CLOEXEC)", `Cannot duplicate ${what}`);
  return copy;
}

/** From here on each Fd remembers its stack, and the process fails at its end when one is still open. */
export function trackFds(): void {
  if (tracking) return;
  tracking = true;
  process.on("exit", () => {
    const leaks = leakedFds();
    if (leaks.length === 0) return;
    process.exitCode = 1;
    process.stderr.write(`${leakText(leaks)}\n`);
  });
}

/** Fds that are open now or that were collected without close, since trackFds(). */
export function leakedFds(): readonly Origin[] {
  return [...collected, ...open.values()];
}

/** Throws with the stack that made each Fd which is still open. Only of use after trackFds(). */
export function assertNoLeakedFds(): void {
  const leaks = leakedFds();
  if (leaks.length > 0) throw new Error(leakText(leaks));
}

function leakText(leaks: readonly Origin[]): string {
  const each = leaks.map(
    ({ value, what, stack }) => `fd ${value} (${what}) made${stack?.replace(/^.*\n/, "\n") ?? ""}`,
  );
  return `${leaks.length} file descriptors were not closed:\n${each.join("\n")}`;
}

if (process.env.CILIUM_TS_FD_LEAKS === "1") {
  trackFds();
  // Children of a test are programs that may end as they like.
  delete process.env.CILIUM_TS_FD_LEAKS;
}
