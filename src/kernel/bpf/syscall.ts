// SPDX-License-Identifier: Apache-2.0
// bpf(2): commands and the attribute block.

import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { Fd } from "../fd.ts";
import { addressOf, c, lastErrno } from "../ffi.ts";
import { type BpfCallListener, bpfCalls, listenToBpfCalls } from "./timing.ts";

const SYS_BPF: Record<string, number> = { x64: 321, arm64: 280, riscv64: 280, s390x: 351, ppc64: 361 };
const sysBpf = SYS_BPF[process.arch] ?? -1;

export const BpfCommand = {
  BPF_MAP_CREATE: 0,
  BPF_MAP_LOOKUP_ELEM: 1,
  BPF_MAP_UPDATE_ELEM: 2,
  BPF_MAP_DELETE_ELEM: 3,
  BPF_MAP_GET_NEXT_KEY: 4,
  BPF_PROG_LOAD: 5,
  BPF_OBJ_PIN: 6,
  BPF_OBJ_GET: 7,
  BPF_PROG_TEST_RUN: 10,
  BPF_PROG_GET_NEXT_ID: 11,
  BPF_MAP_GET_NEXT_ID: 12,
  BPF_PROG_GET_FD_BY_ID: 13,
  BPF_MAP_GET_FD_BY_ID: 14,
  BPF_OBJ_GET_INFO_BY_FD: 15,
  BPF_PROG_QUERY: 16,
  BPF_RAW_TRACEPOINT_OPEN: 17,
  BPF_BTF_GET_FD_BY_ID: 19,
  BPF_MAP_FREEZE: 22,
  BPF_MAP_LOOKUP_BATCH: 24,
  BPF_MAP_UPDATE_BATCH: 26,
  BPF_MAP_DELETE_BATCH: 27,
  BPF_LINK_CREATE: 28,
  BPF_LINK_UPDATE: 29,
  BPF_LINK_GET_FD_BY_ID: 30,
  BPF_LINK_GET_NEXT_ID: 31,
  BPF_LINK_DETACH: 34,
} as const;
export type BpfCommandName = keyof typeof BpfCommand;

/** union bpf_attr: kept by its user and re-used, so that a call allocates nothing. */
export class BpfAttr {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly address: number;
  /** Memory that the block points to. */
  readonly kept: Uint8Array[] = [];

  constructor(size: number) {
    // An ArrayBuffer of its own: its memory never moves.
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.view = new DataView(this.bytes.buffer);
    this.address = addressOf(this.bytes);
  }

  u32(offset: number, value: number): this {
    this.view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: number | bigint): this {
    this.view.setBigUint64(offset, BigInt(value), true);
    return this;
  }

  /** The address of `bytes`, which live as long as the block. */
  pointer(offset: number, bytes: Uint8Array): this {
    this.kept.push(bytes);
    return this.u64(offset, bytes.length === 0 ? 0 : addressOf(bytes));
  }

  /** A NUL-padded name of at most 15 characters. */
  name(offset: number, text: string): this {
    const safe = text.replace(/[^A-Za-z0-9_.]/g, "_").slice(0, 15);
    this.bytes.set(Buffer.from(safe, "latin1"), offset);
    return this;
  }

  getU32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
}

/** The block of the call that is running: keeps the garbage collector from what only the kernel still refers to. */
export let runningCall: BpfAttr | undefined;

/** Tells `listener` how long each call takes from now on; undefined: nobody. libbpf's own calls are not among them. */
export function onBpfCall(listener: BpfCallListener | undefined): void {
  listenToBpfCalls(listener, BpfCommand);
}

/** The result, or minus errno. */
export function bpf(command: number, attr: BpfAttr, size = attr.bytes.length): number {
  if (bpfCalls === undefined) return call(command, attr, size);
  const { told, names } = bpfCalls;
  const started = performance.now();
  const result = call(command, attr, size);
  const seconds = (performance.now() - started) / 1000;
  told({ operation: names.get(command) ?? "other", seconds, ok: result >= 0 });
  return result;
}

function call(command: number, attr: BpfAttr, size: number): number {
  runningCall = attr;
  for (;;) {
    const result = c.bpf(sysBpf, command, attr.address, size);
    if (result >= 0) return result;
    const errno = lastErrno();
    if (errno !== Errno.EINTR) return -errno;
  }
}

/** Blocks of calls that threads of the pool are in: only the kernel refers to them otherwise. */
const laterCalls = new Set<BpfAttr>();

/** As bpf(), on a thread of the pool, for calls that wait in the kernel; -1 on an error, whose number is lost. */
export function bpfLater(command: number, attr: BpfAttr): Promise<number> {
  laterCalls.add(attr);
  return new Promise((resolve, reject) => {
    c.bpf.async(sysBpf, command, attr.address, attr.bytes.length, (error, result) => {
      laterCalls.delete(attr);
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/** As bpf(), but throws. `what` is "Cannot …". */
export function bpfChecked(command: BpfCommandName, attr: BpfAttr, what: string, hint?: string): number {
  const result = bpf(BpfCommand[command], attr);
  if (result < 0) throw new SyscallError({ call: `bpf(${command})`, errno: -result, what, hint });
  return result;
}

/** BPF_OBJ_PIN. */
export function pinFd(fd: Fd, path: string): void {
  const name = Buffer.from(`${path}\0`);
  const attr = new BpfAttr(16).pointer(0, name).u32(8, fd.value);
  bpfChecked("BPF_OBJ_PIN", attr, `Cannot pin ${fd.what} at "${path}"`);
}

/** BPF_OBJ_GET: opens what is pinned at `path`. */
export function openPinnedFd(path: string, what: string): Fd {
  const name = Buffer.from(`${path}\0`);
  const attr = new BpfAttr(16).pointer(0, name);
  return Fd.own(bpfChecked("BPF_OBJ_GET", attr, `Cannot open pinned ${what} "${path}"`), `${what} "${path}"`);
}

/** BPF_{MAP,PROG,LINK,BTF}_GET_FD_BY_ID. */
export function fdById(
  command: "BPF_MAP_GET_FD_BY_ID" | "BPF_PROG_GET_FD_BY_ID" | "BPF_LINK_GET_FD_BY_ID" | "BPF_BTF_GET_FD_BY_ID",
  id: number,
  what: string,
): Fd {
  const attr = new BpfAttr(16).u32(0, id);
  return Fd.own(bpfChecked(command, attr, `Cannot open ${what} with id ${id}`), `${what} ${id}`);
}

/** BPF_{MAP,PROG,LINK}_GET_NEXT_ID: all ids, ascending. */
export function* ids(
  command: "BPF_MAP_GET_NEXT_ID" | "BPF_PROG_GET_NEXT_ID" | "BPF_LINK_GET_NEXT_ID",
): Generator<number> {
  let id = 0;
  for (;;) {
    const attr = new BpfAttr(16).u32(0, id);
    const result = bpf(BpfCommand[command], attr, 12);
    if (result === -Errno.ENOENT) return;
    if (result < 0) throw new SyscallError({ call: `bpf(${command})`, errno: -result, what: "Cannot list ids" });
    id = attr.getU32(4);
    yield id;
  }
}

/** BPF_OBJ_GET_INFO_BY_FD: `size` bytes of info, zero where the kernel knows less. */
export function objectInfo(fd: Fd, size: number): DataView {
  const info = new Uint8Array(new ArrayBuffer(size));
  const attr = new BpfAttr(16).u32(0, fd.value).u32(4, size).pointer(8, info);
  bpfChecked("BPF_OBJ_GET_INFO_BY_FD", attr, `Cannot read info of ${fd.what}`);
  return new DataView(info.buffer);
}

/** A char[16] of an info block. */
export function infoName(info: DataView, offset: number): string {
  const bytes = new Uint8Array(info.buffer, info.byteOffset + offset, 16);
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? 16 : end)).toString("latin1");
}
