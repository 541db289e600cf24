// SPDX-License-Identifier: Apache-2.0
// Network namespaces. The only place where a thread changes its namespace, and no await is possible in between.
import { closeSync, existsSync, mkdirSync, openSync, stat, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { SyscallError } from "./errors.ts";
import { Fd } from "./fd.ts";
import { c } from "./ffi.ts";
import { bindMount, unmount } from "./mount.ts";

const CLONE_NEWNET = 0x40000000;
const SELF = "/proc/thread-self/ns/net";
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** An open namespace, or the path of one. */
export type Netns = Fd | string;

/** Opens a namespace by a path (/run/netns/NAME, /proc/PID/ns/net). */
export function openNetns(path: string): Fd {
  return Fd.own(openSync(path, "r"), `namespace "${path}"`);
}

/** The namespace that this thread is in. */
export function currentNetns(): Fd {
  return openNetns(SELF);
}

export function netnsOfPid(pid: number): Fd {
  return openNetns(`/proc/${pid}/ns/net`);
}

let poolStarted = false;

/** The pool's threads (asynchronous file and name look-ups) are to live at home: they start with the first request. */
function startPool(): void {
  if (poolStarted) return;
  poolStarted = true;
  stat("/", () => {});
}

/** Runs `fn` with this thread in `netns` and returns to where it was. Sockets and children made inside stay there. */
export function withNetns<T>(netns: Netns, fn: () => T extends PromiseLike<unknown> ? never : T): T {
  using opened = typeof netns === "string" ? openNetns(netns) : undefined;
  using home = currentNetns();
  const target = opened ?? (netns as Fd);
  startPool();
  enter(target);
  try {
    const result = fn();
    if (result instanceof Promise) throw new TypeError("Cannot await inside withNetns()");
    return result;
  } finally {
    returnTo(home);
  }
}

/** Makes a namespace that lives at `path` until deleteNetns(), with `lo` up. Throws EEXIST when the path is taken. */
export function createNetns(path: string): Fd {
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, "wx", 0o444));
  try {
    using home = currentNetns();
    if (c.unshare(CLONE_NEWNET) !== 0) throw SyscallError.last("unshare(CLONE_NEWNET)", `Cannot create "${path}"`);
    try {
      bindMount(SELF, path);
      loopbackUp();
    } finally {
      returnTo(home);
    }
    return openNetns(path);
  } catch (error) {
    unmount(path);
    unlinkSync(path);
    throw error;
  }
}

/** Makes a namespace that ends with its last descriptor and process; `lo` is up. */
export function createAnonymousNetns(): Fd {
  using home = currentNetns();
  if (c.unshare(CLONE_NEWNET) !== 0) throw SyscallError.last("unshare(CLONE_NEWNET)", "Cannot create a namespace");
  try {
    loopbackUp();
    return currentNetns();
  } finally {
    returnTo(home);
  }
}

/** Removes the path; the namespace ends with its last process and descriptor. One that is gone already is fine. */
export function deleteNetns(path: string): void {
  if (!existsSync(path)) return;
  unmount(path);
  unlinkSync(path);
}

function loopbackUp(): void {
  using socket = anySocket();
  // struct ifreq: name, flags.
  const request = new Uint8Array(40);
  request.set(Buffer.from("lo"));
  request[16] = IFF_UP;
  if (c.ioctl(socket.value, SIOCSIFFLAGS, request) !== 0) throw SyscallError.last("ioctl", 'Cannot set up "lo"');
}

function anySocket(): Fd {
  const value = c.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (value < 0) throw SyscallError.last("socket", "Cannot open a socket");
  return Fd.own(value, "socket");
}

/** SO_NETNS_COOKIE: what bpf_get_netns_cookie() gives; default: of this thread's namespace. */
export function netnsCookie(netns?: Netns): bigint {
  if (netns !== undefined) return withNetns(netns, () => netnsCookie());
  using socket = anySocket();
  const cookie = new BigUint64Array(1);
  const length = new Uint8Array(new Uint32Array([8]).buffer);
  if (c.getsockopt(socket.value, SOL_SOCKET, SO_NETNS_COOKIE, new Uint8Array(cookie.buffer), length) !== 0) {
    throw SyscallError.last("getsockopt(SO_NETNS_COOKIE)", "Cannot read the namespace's cookie");
  }
  return cookie[0] ?? 0n;
}

function enter(netns: Fd): void {
  if (c.setns(netns.value, CLONE_NEWNET) !== 0) throw SyscallError.last("setns", `Cannot enter ${netns.what}`);
}

/** Going on in a foreign namespace would be worse than to end. */
function returnTo(home: Fd): void {
  if (c.setns(home.value, CLONE_NEWNET) === 0) return;
  process.stderr.write(`Cannot return to ${home.what}: this process ends\n`);
  process.abort();
}
