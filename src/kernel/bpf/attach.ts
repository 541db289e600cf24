// SPDX-License-Identifier: Apache-2.0
// Attaches programs to hooks by links. With a pin, the link there gets the new program without a gap.
import { closeSync, existsSync, mkdirSync, openSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { cgroupIdOf } from "../cgroup.ts";
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { orClose } from "../fd.ts";
import { AttachType, BpfLink, type LinkInfo } from "./link.ts";
import type { BpfProgram } from "./program.ts";
import { BpfAttr, BpfCommand, bpf } from "./syscall.ts";

export type TcxHook = "ingress" | "egress";

/** enum bpf_attach_type of a tcx hook. */
function tcxAttachType(hook: TcxHook): number {
  return hook === "ingress" ? AttachType.BPF_TCX_INGRESS : AttachType.BPF_TCX_EGRESS;
}

export interface AttachDevice {
  readonly program: BpfProgram;
  /** Of the caller's namespace: call inside withNetns() for others. */
  readonly ifindex: number;
  /** Path on a bpffs. A link of another device there, or a dead one, is replaced. */
  readonly pin?: string;
}

/** Attaches to tcx, behind what is there. The program decides alone unless it returns TCX_NEXT (-1). */
export function attachTcx(o: AttachDevice & { readonly hook: TcxHook }): BpfLink {
  const attachType = tcxAttachType(o.hook);
  return attachPinned(o.pin, o.program, {
    fits: (info) => info.type === "tcx" && info.ifindex === o.ifindex && info.attachType === attachType,
    create: () =>
      BpfLink.create({ program: o.program, target: o.ifindex, attachType, what: `${o.hook} of device ${o.ifindex}` }),
  });
}

/** As attachTcx() without a pin, while the thread goes on; `ifindex` is of the process's namespace. */
export function attachTcxLater(o: Omit<AttachDevice, "pin"> & { readonly hook: TcxHook }): Promise<BpfLink> {
  const { program, ifindex, hook } = o;
  const attachType = tcxAttachType(hook);
  return BpfLink.createLater({ program, target: ifindex, attachType, what: `${hook} of device ${ifindex}` });
}

/** Attaches to XDP in the driver's mode if it has one, else in the generic mode. */
export function attachXdp(o: AttachDevice): BpfLink {
  return attachPinned(o.pin, o.program, {
    fits: (info) => info.type === "xdp" && info.ifindex === o.ifindex,
    create: () =>
      BpfLink.create({
        program: o.program,
        target: o.ifindex,
        attachType: AttachType.BPF_XDP,
        what: `XDP of device ${o.ifindex}`,
      }),
  });
}

/** Attaches to a cgroup v2 directory; `attachType` is of AttachType. */
export function attachCgroup(o: {
  readonly program: BpfProgram;
  readonly cgroup: string;
  readonly attachType: number;
  readonly pin?: string;
}): BpfLink {
  return attachPinned(o.pin, o.program, {
    fits: (info) =>
      info.type === "cgroup" && info.attachType === o.attachType && info.cgroupId === cgroupIdOf(o.cgroup),
    create: () => {
      const directory = openSync(o.cgroup, "r");
      try {
        const what = `cgroup "${o.cgroup}"`;
        return BpfLink.create({ program: o.program, target: directory, attachType: o.attachType, what });
      } finally {
        closeSync(directory);
      }
    },
  });
}

interface Plan {
  /** Whether the link at the pin is this attachment, and alive. */
  fits(info: LinkInfo): boolean;
  create(): BpfLink;
}

function attachPinned(pin: string | undefined, program: BpfProgram, plan: Plan): BpfLink {
  if (pin === undefined) return plan.create();
  if (existsSync(pin)) {
    const current = updatePinned(pin, program, plan);
    if (current !== undefined) return current;
    unlinkSync(pin);
  }
  mkdirSync(dirname(pin), { recursive: true });
  const link = plan.create();
  orClose(link, () => link.pin(pin));
  return link;
}

/** Undefined when the link there is of something else, or its device is gone; it is off its hook then. */
function updatePinned(pin: string, program: BpfProgram, plan: Plan): BpfLink | undefined {
  const link = BpfLink.openPinned(pin);
  try {
    if (plan.fits(link.info())) {
      link.update(program);
      return link;
    }
    // Without its pin it would end too, but some time later.
    link.detach();
  } catch (error) {
    // ENOLINK: its device went away or it was detached already.
    if (!(error instanceof SyscallError) || error.errno !== Errno.ENOLINK) {
      link.close();
      throw error;
    }
  }
  link.close();
  return undefined;
}

/** Room for the answers of most hooks, made once: agents ask for each endpoint twice a second. */
const usualQuery = tcxQuery(16);

type TcxQuery = ReturnType<typeof tcxQuery>;

function tcxQuery(room: number) {
  const programs = new Uint32Array(new ArrayBuffer(room * 4));
  return { room, programs, attr: new BpfAttr(64).pointer(16, new Uint8Array(programs.buffer)) };
}

/** BPF_PROG_QUERY: ids of the programs on a tcx hook of a device of the caller's namespace, in the order they run. */
export function queryTcx(ifindex: number, hook: TcxHook): number[] {
  for (let query = usualQuery; ; query = tcxQuery(query.room * 2)) {
    const result = askTcx(query, ifindex, hook);
    if (result === 0) return [...query.programs.subarray(0, query.attr.getU32(24))];
    if (result !== -Errno.ENOSPC) {
      const what = `Cannot list programs on ${hook} of device ${ifindex}`;
      throw new SyscallError({ call: "bpf(BPF_PROG_QUERY)", errno: -result, what });
    }
  }
}

/**
 * Whether a tcx hook runs just these programs, as queryTcx() told them. False also when the kernel gives no answer, as of
 * a device that is gone. Allocates nothing.
 */
export function tcxRuns(ifindex: number, hook: TcxHook, ids: readonly number[]): boolean {
  const { attr, programs } = usualQuery;
  if (askTcx(usualQuery, ifindex, hook) !== 0 || attr.getU32(24) !== ids.length) return false;
  for (let i = 0; i < ids.length; i++) if (programs[i] !== ids[i]) return false;
  return true;
}

function askTcx({ attr, room }: TcxQuery, ifindex: number, hook: TcxHook): number {
  attr.u32(0, ifindex).u32(4, tcxAttachType(hook)).u32(24, room);
  return bpf(BpfCommand.BPF_PROG_QUERY, attr);
}
