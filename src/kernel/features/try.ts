// SPDX-License-Identifier: Apache-2.0
// The ways in which probes try the kernel.
import { BpfMap, type MapSpec } from "../bpf/map.ts";
import { BpfProgram, ProgramType, type RawProgram } from "../bpf/program.ts";
import { Errno } from "../errno.ts";
import { SyscallError, VerifierError } from "../errors.ts";
import { Rtnetlink } from "../netlink/rtnetlink.ts";
import { createAnonymousNetns } from "../netns.ts";

/** `r0 = 0; exit` and `call helper; exit`. */
const RETURN_0 = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
/** `r0 = 1; exit`: lets a socket operation pass. */
const RETURN_1 = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/** Undefined when `attempt` works; what the kernel said when it does not. A lack of rights is no answer: it throws. */
export function attempt(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError || error instanceof VerifierError)) throw error;
    if (error instanceof SyscallError && error.errno === Errno.EPERM) throw error;
    return error.message;
  }
}

/** Makes a map and drops it. */
export function tryMap(spec: MapSpec): string | undefined {
  return attempt(() => BpfMap.create(spec).close());
}

/** Loads a program that does nothing. */
export function tryProgramType(type: number, expectedAttachType = 0): string | undefined {
  return attempt(() => BpfProgram.load(doNothing(type, expectedAttachType)).close());
}

/** A program that lets everything pass. */
export function doNothing(type: number, expectedAttachType = 0): RawProgram {
  const instructions = type === ProgramType.BPF_PROG_TYPE_SCHED_CLS ? RETURN_0 : RETURN_1;
  return { type, expectedAttachType, name: "probe", instructions };
}

/** Whether programs of this type may call the helper: other complaints of the verifier mean that it knows it. */
export function tryHelper(helper: number, type: number = ProgramType.BPF_PROG_TYPE_SCHED_CLS): string | undefined {
  const instructions = Uint8Array.of(0x85, 0, 0, 0, helper & 0xff, helper >> 8, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
  try {
    BpfProgram.load({ type, instructions, name: "probe", license: "GPL" }).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return /invalid func|unknown func|cannot use helper/.test(error.log) ? `helper ${helper} is unknown` : undefined;
  }
}

/** Whether the kernel knows the kind of device; a complaint about its options means yes. */
export function tryLinkKind(kind: string): string | undefined {
  return inNewNetns((netlink) => {
    try {
      netlink.createLink(kind, { name: "probe0" });
      return undefined;
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      return error.errno === Errno.EOPNOTSUPP ? error.message : undefined;
    }
  });
}

/** Runs `action` with rtnetlink in a namespace that ends with it. */
export function inNewNetns<T>(action: (netlink: Rtnetlink) => T): T {
  using netns = createAnonymousNetns();
  using netlink = new Rtnetlink({ netns });
  return action(netlink);
}
