// SPDX-License-Identifier: Apache-2.0
// The FFI library and the C functions we call through it. Nothing outside src/kernel imports koffi.
import koffi from "koffi";

const libc = koffi.load("libc.so.6");

/** Where the bytes of a typed array are, as a number (user-space addresses fit 2^53). Stays valid while it lives. */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

/** errno of the last call on this thread: read it at once. */
export function lastErrno(): number {
  return koffi.errno();
}

/** An ArrayBuffer over memory of another owner (a mapping); never use it after the memory went away. */
export function memoryView(address: number, length: number): ArrayBuffer {
  return koffi.view(BigInt(address), length);
}

/** A copy of foreign memory. */
export function readBytes(address: number, length: number): Uint8Array {
  return new Uint8Array(memoryView(address, length)).slice();
}

/** NUL-terminated UTF-8 bytes of a string. */
export function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, "utf8");
}

type Async<R> = (error: Error | null, result: R) => void;

/** Signatures are given as C declarations; pointers are numbers (addresses) or byte arrays. */
export const c = {
  bpf: libc.func("long syscall(long number, int command, uint64 attr, uint size)") as {
    (number: number, command: number, attr: number, size: number): number;
    async(number: number, command: number, attr: number, size: number, done: Async<number>): void;
  },
  close: libc.func("int close(int fd)") as (fd: number) => number,
  fcntl: libc.func("int fcntl(int fd, int command, long argument)") as (fd: number, cmd: number, arg: number) => number,
  setns: libc.func("int setns(int fd, int type)") as (fd: number, type: number) => number,
  unshare: libc.func("int unshare(int flags)") as (flags: number) => number,
  mount: libc.func("int mount(str source, str target, str type, ulong flags, str data)") as (
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null,
  ) => number,
  umount2: libc.func("int umount2(str target, int flags)") as (target: string, flags: number) => number,
  mmap: libc.func("uint64 mmap(uint64 address, size_t length, int protection, int flags, int fd, int64 offset)") as (
    address: number,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number | bigint,
  munmap: libc.func("int munmap(uint64 address, size_t length)") as (address: number, length: number) => number,
  socket: libc.func("int socket(int family, int type, int protocol)") as (f: number, t: number, p: number) => number,
  bind: libc.func("int bind(int fd, const void *address, uint length)") as (
    fd: number,
    address: Uint8Array,
    length: number,
  ) => number,
  listen: libc.func("int listen(int fd, int backlog)") as (fd: number, backlog: number) => number,
  send: libc.func("long send(int fd, const void *bytes, size_t length, int flags)") as (
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
  ) => number,
  recv: libc.func("long recv(int fd, void *bytes, size_t length, int flags)") as (
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
  ) => number,
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint length)") as (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: number,
  ) => number,
  getsockopt: libc.func("int getsockopt(int fd, int level, int name, void *value, void *length)") as (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ) => number,
  getpagesize: libc.func("int getpagesize()") as () => number,
  flock: libc.func("int flock(int fd, int operation)") as (fd: number, operation: number) => number,
  ioctl: libc.func("int ioctl(int fd, ulong request, void *argument)") as (
    fd: number,
    request: number,
    argument: Uint8Array,
  ) => number,
  eventfd: libc.func("int eventfd(uint initial, int flags)") as (initial: number, flags: number) => number,
  epollCreate: libc.func("int epoll_create1(int flags)") as (flags: number) => number,
  epollCtl: libc.func("int epoll_ctl(int epoll, int operation, int fd, const void *event)") as (
    epoll: number,
    operation: number,
    fd: number,
    event: Uint8Array,
  ) => number,
  epollWait: libc.func("int epoll_wait(int epoll, uint64 events, int count, int timeout)") as {
    async(epoll: number, events: number, count: number, timeout: number, done: Async<number>): void;
  },
  read: libc.func("long read(int fd, void *bytes, size_t length)") as (
    fd: number,
    bytes: Uint8Array,
    length: number,
  ) => number,
  write: libc.func("long write(int fd, const void *bytes, size_t length)") as (
    fd: number,
    bytes: Uint8Array,
    length: number,
  ) => number,
  clockGettime: libc.func("int clock_gettime(int clock, void *time)") as (clock: number, time: Uint8Array) => number,
  vsnprintf: libc.func("int vsnprintf(void *out, size_t size, void *format, void *arguments)") as (
    out: Uint8Array,
    size: number,
    format: bigint,
    args: bigint,
  ) => number,
} as const;
