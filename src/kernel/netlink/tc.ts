// SPDX-License-Identifier: Apache-2.0
// Traffic control: the clsact qdisc and its bpf filters, for kernels without tcx.
import type { BpfProgram } from "../bpf/program.ts";
import { Errno } from "../errno.ts";
import { MessageBuilder, Nlm } from "./codec.ts";
import type { NetlinkSocket } from "./socket.ts";

const RTM_NEWQDISC = 36;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const TCMSG_SIZE = 20;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const CLSACT_HANDLE = 0xffff0000;
const CLSACT_PARENT = 0xfffffff1;
const PARENTS = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;
const ETH_P_ALL_BE = 0x0300;
const PRIORITY = 1;
const FILTER_HANDLE = 1;

export type TcHook = keyof typeof PARENTS;

export interface FilterSpec {
  readonly program: BpfProgram;
  readonly ifindex: number;
  readonly hook: TcHook;
}

/** Makes the qdisc when it is missing; the filter stays until deleteFilter(), whoever closes the program. */
export function addFilter(socket: NetlinkSocket, spec: FilterSpec): void {
  const what = `Cannot attach program "${spec.program.name}" to ${spec.hook} of device ${spec.ifindex}`;
  const qdisc = tcMessage(RTM_NEWQDISC, Nlm.CREATE | Nlm.EXCL, [spec.ifindex, CLSACT_HANDLE, CLSACT_PARENT, 0]);
  socket.tryRequest(qdisc.string(TCA_KIND, "clsact"), what, [Errno.EEXIST]);
  const filter = filterMessage(RTM_NEWTFILTER, Nlm.CREATE | Nlm.REPLACE, spec);
  filter.nested(TCA_OPTIONS, (options) =>
    options
      .u32(TCA_BPF_FD, spec.program.fd.value)
      .string(TCA_BPF_NAME, spec.program.name)
      .u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
  );
  socket.request(filter, what);
}

/** False when there was none. */
export function deleteFilter(socket: NetlinkSocket, spec: { ifindex: number; hook: TcHook }): boolean {
  const what = `Cannot detach from ${spec.hook} of device ${spec.ifindex}`;
  // EINVAL: no clsact qdisc there.
  const accepted = [Errno.ENOENT, Errno.EINVAL, Errno.ENODEV];
  return socket.tryRequest(filterMessage(RTM_DELTFILTER, 0, spec), what, accepted);
}

function filterMessage(type: number, flags: number, spec: { ifindex: number; hook: TcHook }): MessageBuilder {
  const info = ((PRIORITY << 16) | ETH_P_ALL_BE) >>> 0;
  return tcMessage(type, flags, [spec.ifindex, FILTER_HANDLE, PARENTS[spec.hook], info]).string(TCA_KIND, "bpf");
}

/** struct tcmsg: ifindex, handle, parent, info behind the family. */
function tcMessage(type: number, flags: number, fields: readonly number[]): MessageBuilder {
  return new MessageBuilder(type, Nlm.REQUEST | Nlm.ACK | flags).header(TCMSG_SIZE, (header) => {
    for (const [i, field] of fields.entries()) header.writeUInt32LE(field, 4 + 4 * i);
  });
}
