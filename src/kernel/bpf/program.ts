// SPDX-License-Identifier: Apache-2.0
// BPF programs that are loaded, and test runs of them.
import { SyscallError, VerifierError } from "../errors.ts";
import { Fd, orClose } from "../fd.ts";
import {
  BpfAttr,
  BpfCommand,
  bpf,
  bpfChecked,
  fdById,
  ids,
  infoName,
  objectInfo,
  openPinnedFd,
  pinFd,
} from "./syscall.ts";

/** Numbers of enum bpf_prog_type that are loaded here. */
export const ProgramType = {
  BPF_PROG_TYPE_SOCKET_FILTER: 1,
  BPF_PROG_TYPE_KPROBE: 2,
  BPF_PROG_TYPE_SCHED_CLS: 3,
  BPF_PROG_TYPE_XDP: 6,
  BPF_PROG_TYPE_CGROUP_SKB: 8,
  BPF_PROG_TYPE_CGROUP_SOCK: 9,
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR: 18,
} as const;

/** The kernel's own limit of maps a program (MAX_USED_MAPS). */
const MOST_MAPS = 64;

export interface TestRunOptions {
  readonly data: Uint8Array;
  /** struct __sk_buff or xdp_md. */
  readonly ctx?: Uint8Array;
  /** Default 1. */
  readonly repeat?: number;
  /** Room for the packet after the run; default: length of data + 256. */
  readonly outputSize?: number;
}

export interface TestRunResult {
  readonly retval: number;
  /** The packet after the (last) run. */
  readonly data: Uint8Array;
  /** The context after the run, when one was given. */
  readonly ctx: Uint8Array | undefined;
  /** Average of one run. */
  readonly durationNs: number;
}

export interface RawProgram {
  readonly type: number;
  readonly instructions: Uint8Array;
  readonly name?: string;
  readonly expectedAttachType?: number;
  /** Default "Dual BSD/GPL". */
  readonly license?: string;
}

export class BpfProgram implements Disposable {
  readonly fd: Fd;
  readonly id: number;
  readonly name: string;
  /** enum bpf_prog_type. */
  readonly type: number;
  /** Instructions that the verifier walked through. */
  readonly verifiedInstructions: number;

  private constructor(fd: Fd, name?: string) {
    const info = objectInfo(fd, 224);
    this.fd = fd;
    this.type = info.getUint32(0, true);
    this.id = info.getUint32(4, true);
    this.verifiedInstructions = info.getUint32(216, true);
    this.name = name ?? infoName(info, 64);
  }

  /** Takes over `fd`; `name` overrides the kernel's shortened one. */
  static own(fd: Fd, name?: string): BpfProgram {
    return orClose(fd, () => new BpfProgram(fd, name));
  }

  /** BPF_PROG_LOAD of plain instructions: for probes and tests. Throws VerifierError when they are refused. */
  static load(raw: RawProgram): BpfProgram {
    const name = raw.name ?? "raw";
    const log = new Uint8Array(new ArrayBuffer(64 * 1024));
    const attr = new BpfAttr(120)
      .u32(0, raw.type)
      .u32(4, raw.instructions.length / 8)
      .pointer(8, raw.instructions)
      .pointer(16, Buffer.from(`${raw.license ?? "Dual BSD/GPL"}\0`))
      .u32(24, 1)
      .u32(28, log.length)
      .pointer(32, log)
      .name(48, name)
      .u32(68, raw.expectedAttachType ?? 0);
    const result = bpf(BpfCommand.BPF_PROG_LOAD, attr);
    if (result >= 0) return BpfProgram.own(Fd.own(result, `program "${name}"`), name);
    const text = Buffer.from(log.subarray(0, log.indexOf(0))).toString();
    if (text !== "") throw new VerifierError(name, text);
    throw new SyscallError({ call: "bpf(BPF_PROG_LOAD)", errno: -result, what: `Cannot load program "${name}"` });
  }

  /** BPF_OBJ_GET. */
  static openPinned(path: string): BpfProgram {
    return BpfProgram.own(openPinnedFd(path, "program"));
  }

  /** BPF_PROG_GET_FD_BY_ID. */
  static fromId(id: number): BpfProgram {
    return BpfProgram.own(fdById("BPF_PROG_GET_FD_BY_ID", id, "program"));
  }

  /** BPF_PROG_TEST_RUN. ENOSPC when the packet outgrew outputSize. */
  testRun(options: TestRunOptions): TestRunResult {
    const { data, ctx } = options;
    const output = new Uint8Array(new ArrayBuffer(options.outputSize ?? data.length + 256));
    const ctxOutput = new Uint8Array(new ArrayBuffer(ctx?.length ?? 0));
    const attr = new BpfAttr(80)
      .u32(0, this.fd.value)
      .u32(8, data.length)
      .u32(12, output.length)
      .pointer(16, data)
      .pointer(24, output)
      .u32(32, options.repeat ?? 1);
    if (ctx !== undefined) attr.u32(40, ctx.length).u32(44, ctx.length).pointer(48, ctx).pointer(56, ctxOutput);
    bpfChecked("BPF_PROG_TEST_RUN", attr, `Cannot run program "${this.name}"`);
    return {
      retval: attr.getU32(4),
      data: output.subarray(0, attr.getU32(12)),
      ctx: ctx === undefined ? undefined : ctxOutput.subarray(0, attr.getU32(44)),
      durationNs: attr.getU32(36),
    };
  }

  /** Ids of the maps that it uses (BPF_OBJ_GET_INFO_BY_FD). */
  mapIds(): number[] {
    const ids = new Uint32Array(new ArrayBuffer(MOST_MAPS * 4));
    const info = new BpfAttr(224).u32(52, MOST_MAPS).pointer(56, new Uint8Array(ids.buffer));
    const attr = new BpfAttr(16).u32(0, this.fd.value).u32(4, info.bytes.length).pointer(8, info.bytes);
    bpfChecked("BPF_OBJ_GET_INFO_BY_FD", attr, `Cannot read info of ${this.fd.what}`);
    return [...ids.subarray(0, info.getU32(52))];
  }

  /** BPF_OBJ_PIN. */
  pin(path: string): void {
    pinFd(this.fd, path);
  }

  dup(): BpfProgram {
    return BpfProgram.own(this.fd.dup(), this.name);
  }

  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Ids of all programs in the kernel. */
export function programIds(): Generator<number> {
  return ids("BPF_PROG_GET_NEXT_ID");
}
