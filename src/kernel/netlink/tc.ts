// SPDX-License-Identifier: Apache-2.0
// Traffic control: the clsact qdisc and its bpf filters. Unlike links, they are in place without a grace period.
import type { BpfProgram } from "../bpf/program.ts";
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { Attributes, fixedPart, type Message, MessageBuilder, Nlm } from "./codec.ts";
import type { NetlinkSocket } from "./socket.ts";

const RTM_NEWQDISC = 36;
export const RTM_DELQDISC = 37;
const RTM_GETQDISC = 38;
export const RTM_NEWTFILTER = 44;
export const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;
export const TCMSG_SIZE = 20;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_ID = 11;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const CLSACT_HANDLE = 0xffff0000;
const CLSACT_PARENT = 0xfffffff1;
const PARENTS = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;
const ETH_P_ALL_BE = 0x0300;
const PRIORITY = 1;
const DEFAULT_HANDLE = 1;

export type TcHook = keyof typeof PARENTS;

/** Names a filter; `handle` (default 1) tells those of one hook apart. */
export interface FilterKey {
  readonly ifindex: number;
  readonly hook: TcHook;
  readonly handle?: number;
}

export interface FilterSpec extends FilterKey {
  readonly program: BpfProgram;
  /** Default: the program's, of which the kernel itself keeps 15 bytes. */
  readonly name?: string;
}

/** A filter of any kind; name and program are those of kind "bpf". */
export interface Filter extends Required<FilterKey> {
  readonly name: string | undefined;
  readonly programId: number | undefined;
}

/** Makes the qdisc; false when it was there. */
export function addClsact(socket: NetlinkSocket, ifindex: number): boolean {
  const qdisc = tcMessage(RTM_NEWQDISC, Nlm.CREATE | Nlm.EXCL, [ifindex, CLSACT_HANDLE, CLSACT_PARENT, 0]);
  const what = `Cannot add clsact to device ${ifindex}`;
  return socket.tryRequest(qdisc.string(TCA_KIND, "clsact"), what, [Errno.EEXIST]);
}

/** The qdisc is there; the filter stays until deleteFilter(), whoever closes the program. */
export function addFilter(socket: NetlinkSocket, spec: FilterSpec): void {
  const what = `Cannot attach program "${spec.program.name}" to ${spec.hook} of device ${spec.ifindex}`;
  const filter = filterMessage(RTM_NEWTFILTER, Nlm.CREATE | Nlm.REPLACE, spec);
  filter.nested(TCA_OPTIONS, (options) =>
    options
      .u32(TCA_BPF_FD, spec.program.fd.value)
      .string(TCA_BPF_NAME, spec.name ?? spec.program.name)
      .u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
  );
  socket.request(filter, what);
}

/** False when there was none. */
export function deleteFilter(socket: NetlinkSocket, spec: FilterKey): boolean {
  const what = `Cannot detach from ${spec.hook} of device ${spec.ifindex}`;
  return socket.tryRequest(filterMessage(RTM_DELTFILTER, 0, spec), what, notThere);
}

/** Filters of one hook of a device; none when the qdisc or the device is not there. */
export function listFilters(socket: NetlinkSocket, ifindex: number, hook: TcHook): Filter[] {
  const make = () => tcMessage(RTM_GETTFILTER, Nlm.DUMP, [ifindex, 0, PARENTS[hook], 0]);
  try {
    const filters = socket.dump(make, `Cannot list filters on ${hook} of device ${ifindex}`);
    return filters.map((message) => parseFilter(message, hook)).filter(({ handle }) => handle !== 0);
  } catch (error) {
    if (error instanceof SyscallError && notThere.includes(error.errno)) return [];
    throw error;
  }
}

/** Devices with a clsact qdisc, by index. */
export function listClsact(socket: NetlinkSocket): number[] {
  const make = () => tcMessage(RTM_GETQDISC, Nlm.DUMP, [0, 0, 0, 0]);
  return socket.dump(make, "Cannot list qdiscs").flatMap((message) => {
    const kind = new Attributes(message.body, TCMSG_SIZE).string(TCA_KIND);
    return kind === "clsact" ? [fixedPart(message, TCMSG_SIZE).readInt32LE(4)] : [];
  });
}

/** Removes the qdisc with all its filters; false when there was none. */
export function deleteClsact(socket: NetlinkSocket, ifindex: number): boolean {
  const message = tcMessage(RTM_DELQDISC, 0, [ifindex, CLSACT_HANDLE, CLSACT_PARENT, 0]);
  return socket.tryRequest(message, `Cannot remove the clsact qdisc of device ${ifindex}`, notThere);
}

/** EINVAL: no clsact qdisc there. */
const notThere: readonly number[] = [Errno.ENOENT, Errno.EINVAL, Errno.ENODEV];

/** The kernel tells a handle of 0 for the list that filters of one priority are in. */
function parseFilter(message: Message, hook: TcHook): Filter {
  const header = fixedPart(message, TCMSG_SIZE);
  const options = new Attributes(message.body, TCMSG_SIZE).nested(TCA_OPTIONS);
  return {
    ifindex: header.readInt32LE(4),
    hook,
    handle: header.readUInt32LE(8),
    name: options?.string(TCA_BPF_NAME),
    programId: options?.u32(TCA_BPF_ID),
  };
}

function filterMessage(type: number, flags: number, spec: FilterKey): MessageBuilder {
  const info = ((PRIORITY << 16) | ETH_P_ALL_BE) >>> 0;
  const handle = spec.handle ?? DEFAULT_HANDLE;
  return tcMessage(type, flags, [spec.ifindex, handle, PARENTS[spec.hook], info]).string(TCA_KIND, "bpf");
}

/** struct tcmsg: ifindex, handle, parent, info behind the family. */
function tcMessage(type: number, flags: number, fields: readonly number[]): MessageBuilder {
  return new MessageBuilder(type, Nlm.REQUEST | Nlm.ACK | flags).header(TCMSG_SIZE, (header) => {
    for (const [i, field] of fields.entries()) header.writeUInt32LE(field, 4 + 4 * i);
  });
}
