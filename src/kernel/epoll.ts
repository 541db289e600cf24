// SPDX-License-Identifier: Apache-2.0
// One epoll set for the process. The wait runs on a pool thread; only when something is readable the main thread acts.
import { SyscallError } from "./errors.ts";
import { Fd } from "./fd.ts";
import { addressOf, c } from "./ffi.ts";

const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EVENT_SIZE = process.arch === "x64" ? 12 : 16;
const DATA_OFFSET = EVENT_SIZE - 8;
const MAX_EVENTS = 64;
const WAKE_KEY = 0;

/** What is there while anything is watched; made with the first watch, gone with the last. */
class EpollSet {
  readonly #epoll: Fd;
  /** Makes the wait return when the last watch ends. */
  readonly #wake: Fd;
  readonly #watches = new Map<number, () => void>();
  readonly #events = new DataView(new ArrayBuffer(MAX_EVENTS * EVENT_SIZE));
  readonly #eventsAddress = addressOf(new Uint8Array(this.#events.buffer));
  #nextKey = WAKE_KEY + 1;
  #closed = false;
  /** The pool's threads are joined at exit: none may be left waiting, and one that does not wait yet needs the descriptors. */
  readonly #onExit = (): void => {
    this.#interrupt();
    this.#epoll.disown();
    this.#wake.disown();
  };

  constructor() {
    this.#epoll = owned(c.epollCreate(EPOLL_CLOEXEC), "epoll_create1", "epoll set");
    this.#wake = owned(c.eventfd(0, EFD_CLOEXEC_NONBLOCK), "eventfd", "wake-up of the epoll set");
    this.#control(EPOLL_CTL_ADD, this.#wake, WAKE_KEY, EPOLLIN);
    // Before the search for descriptors that were left open.
    process.prependListener("exit", this.#onExit);
    this.#wait();
  }

  get empty(): boolean {
    return this.#watches.size === 0;
  }

  add(fd: Fd, onReadable: () => void): number {
    const key = this.#nextKey++;
    this.#control(EPOLL_CTL_ADD, fd, key, EPOLLIN);
    this.#watches.set(key, onReadable);
    return key;
  }

  remove(key: number, fd: Fd): void {
    this.#watches.delete(key);
    // Closed: the process ends.
    if (!this.#epoll.closed) this.#control(EPOLL_CTL_DEL, fd, key, 0);
  }

  /** Without `attentive`, the descriptor wakes nobody. */
  change(key: number, fd: Fd, attentive: boolean): void {
    this.#control(EPOLL_CTL_MOD, fd, key, attentive ? EPOLLIN : 0);
  }

  close(): void {
    this.#closed = true;
    this.#interrupt();
  }

  /** When nothing waits any more. */
  #end(): void {
    process.off("exit", this.#onExit);
    this.#epoll.close();
    this.#wake.close();
  }

  #interrupt(): void {
    if (this.#wake.closed) return;
    c.write(this.#wake.value, new Uint8Array(new BigUint64Array([1n]).buffer), 8);
  }

  #wait(): void {
    c.epollWait.async(this.#epoll.value, this.#eventsAddress, MAX_EVENTS, -1, (error, count) => {
      if (error !== null) throw error;
      if (this.#closed) return this.#end();
      try {
        this.#dispatch(count);
      } finally {
        if (this.#closed) this.#end();
        else this.#wait();
      }
    });
  }

  #dispatch(count: number): void {
    for (let i = 0; i < count; i++) {
      const key = this.#events.getUint32(i * EVENT_SIZE + DATA_OFFSET, true);
      this.#watches.get(key)?.();
    }
  }

  #control(operation: number, fd: Fd, key: number, events: number): void {
    const event = new DataView(new ArrayBuffer(EVENT_SIZE));
    event.setUint32(0, events, true);
    event.setUint32(DATA_OFFSET, key, true);
    if (c.epollCtl(this.#epoll.value, operation, fd.value, new Uint8Array(event.buffer)) !== 0) {
      throw SyscallError.last("epoll_ctl", `Cannot watch ${fd.what}`);
    }
  }
}

let current: EpollSet | undefined;

/** A watched descriptor; ends when disposed. */
export interface FdWatch extends Disposable {
  /** Calls no more until resume(). */
  pause(): void;
  /** Goes on; what became readable meanwhile is seen. */
  resume(): void;
}

/**
 * Calls onReadable on the main thread again and again while `fd` is readable (level-triggered): it must read what is
 * there, or pause. Keeps the process alive until the handle is disposed, paused or not.
 */
export function watchFd(fd: Fd, onReadable: () => void): FdWatch {
  // A descriptor of our own: the caller may close its one first.
  const own = fd.dup();
  current ??= new EpollSet();
  const set = current;
  let key: number;
  try {
    key = set.add(own, onReadable);
  } catch (error) {
    own.close();
    endIfEmpty(set);
    throw error;
  }
  return {
    pause: () => set.change(key, own, false),
    resume: () => set.change(key, own, true),
    [Symbol.dispose]: () => {
      if (own.closed) return;
      set.remove(key, own);
      own.close();
      endIfEmpty(set);
    },
  };
}

function endIfEmpty(set: EpollSet): void {
  if (!set.empty) return;
  set.close();
  if (current === set) current = undefined;
}

function owned(value: number, call: string, what: string): Fd {
  if (value < 0) throw SyscallError.last(call, `Cannot make the ${what}`);
  return Fd.own(value, what);
}
