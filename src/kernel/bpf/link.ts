// SPDX-License-Identifier: Apache-2.0
// BPF links: an attachment that lasts as long as a descriptor or a pin of it.
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { Fd } from "../fd.ts";
import type { BpfProgram } from "./program.ts";
import {
  BpfAttr,
  BpfCommand,
  bpf,
  bpfChecked,
  bpfLater,
  fdById,
  ids,
  objectInfo,
  openPinnedFd,
  pinFd,
} from "./syscall.ts";

const LINK_TYPES = [
  "unspec",
  "raw_tracepoint",
  "tracing",
  "cgroup",
  "iter",
  "netns",
  "xdp",
  "perf_event",
  "kprobe_multi",
  "struct_ops",
  "netfilter",
  "tcx",
  "uprobe_multi",
  "netkit",
  "sockmap",
] as const;

export interface LinkInfo {
  readonly id: number;
  readonly type: (typeof LINK_TYPES)[number];
  readonly programId: number;
  /** tcx, xdp; 0 when the device is gone or was left by a detach. */
  readonly ifindex: number | undefined;
  /** tcx, cgroup. */
  readonly attachType: number | undefined;
  readonly cgroupId: bigint | undefined;
}

/** Numbers of enum bpf_attach_type that are used here. */
export const AttachType = {
  BPF_CGROUP_INET_INGRESS: 0,
  BPF_CGROUP_INET_EGRESS: 1,
  BPF_CGROUP_INET_SOCK_CREATE: 2,
  BPF_CGROUP_INET4_CONNECT: 10,
  BPF_CGROUP_INET6_CONNECT: 11,
  BPF_CGROUP_INET4_POST_BIND: 12,
  BPF_CGROUP_INET6_POST_BIND: 13,
  BPF_CGROUP_UDP4_SENDMSG: 14,
  BPF_CGROUP_UDP6_SENDMSG: 15,
  BPF_CGROUP_UDP4_RECVMSG: 19,
  BPF_CGROUP_UDP6_RECVMSG: 20,
  BPF_CGROUP_INET4_GETPEERNAME: 29,
  BPF_CGROUP_INET6_GETPEERNAME: 30,
  BPF_CGROUP_INET_SOCK_RELEASE: 34,
  BPF_XDP: 37,
  BPF_TCX_INGRESS: 46,
  BPF_TCX_EGRESS: 47,
} as const;

interface LinkSpec {
  readonly program: BpfProgram;
  readonly target: number;
  readonly attachType: number;
  /** What it is attached to, for messages. */
  readonly what: string;
  readonly flags?: number;
}

function linkAttr({ program, target, attachType, flags }: LinkSpec): BpfAttr {
  return new BpfAttr(64)
    .u32(0, program.fd.value)
    .u32(4, target)
    .u32(8, attachType)
    .u32(12, flags ?? 0);
}

export class BpfLink implements Disposable {
  readonly fd: Fd;

  private constructor(fd: Fd) {
    this.fd = fd;
  }

  /** BPF_LINK_CREATE; `target` is a descriptor or an interface index of the caller's namespace. */
  static create(o: LinkSpec): BpfLink {
    const fd = bpfChecked("BPF_LINK_CREATE", linkAttr(o), `Cannot attach program "${o.program.name}" to ${o.what}`);
    return new BpfLink(Fd.own(fd, `link of "${o.program.name}" to ${o.what}`));
  }

  /** As create(), but the kernel's grace period passes on a thread of the pool; `target` is of the process's namespace. */
  static async createLater(o: LinkSpec): Promise<BpfLink> {
    const fd = await bpfLater(BpfCommand.BPF_LINK_CREATE, linkAttr(o));
    // Once more, for the error's number.
    return fd < 0 ? BpfLink.create(o) : new BpfLink(Fd.own(fd, `link of "${o.program.name}" to ${o.what}`));
  }

  /** Takes over `fd`. */
  static fromOwned(fd: Fd): BpfLink {
    return new BpfLink(fd);
  }

  /** BPF_OBJ_GET. */
  static openPinned(path: string): BpfLink {
    return new BpfLink(openPinnedFd(path, "link"));
  }

  /** BPF_LINK_GET_FD_BY_ID. */
  static fromId(id: number): BpfLink {
    return new BpfLink(fdById("BPF_LINK_GET_FD_BY_ID", id, "link"));
  }

  /** BPF_OBJ_GET_INFO_BY_FD. */
  info(): LinkInfo {
    const info = objectInfo(this.fd, 64);
    const type = LINK_TYPES[info.getUint32(0, true)] ?? "unspec";
    const onDevice = type === "tcx" || type === "xdp" || type === "netkit";
    return {
      id: info.getUint32(4, true),
      type,
      programId: info.getUint32(8, true),
      ifindex: onDevice ? info.getUint32(16, true) : undefined,
      attachType: type === "tcx" ? info.getUint32(20, true) : type === "cgroup" ? info.getUint32(24, true) : undefined,
      cgroupId: type === "cgroup" ? info.getBigUint64(16, true) : undefined,
    };
  }

  /** BPF_LINK_UPDATE: swaps the program without a gap. */
  update(program: BpfProgram): void {
    const attr = new BpfAttr(16).u32(0, this.fd.value).u32(4, program.fd.value);
    bpfChecked("BPF_LINK_UPDATE", attr, `Cannot replace the program of ${this.fd.what} by "${program.name}"`);
  }

  /** BPF_LINK_DETACH: off the hook now, whoever still holds or pins it. */
  detach(): void {
    const attr = new BpfAttr(16).u32(0, this.fd.value);
    bpfChecked("BPF_LINK_DETACH", attr, `Cannot detach ${this.fd.what}`);
  }

  /** BPF_OBJ_PIN. */
  pin(path: string): void {
    pinFd(this.fd, path);
  }

  /** Detaches unless it is pinned or held elsewhere. */
  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** All links in the kernel, of all namespaces. Those that vanish meanwhile are left out. */
export function listLinks(): LinkInfo[] {
  const links: LinkInfo[] = [];
  for (const id of ids("BPF_LINK_GET_NEXT_ID")) {
    const attr = new BpfAttr(16).u32(0, id);
    const fd = bpf(BpfCommand.BPF_LINK_GET_FD_BY_ID, attr);
    // ENOENT: closed since; EAGAIN: not quite made yet.
    if (fd === -Errno.ENOENT || fd === -Errno.EAGAIN) continue;
    if (fd < 0)
      throw new SyscallError({ call: "bpf(BPF_LINK_GET_FD_BY_ID)", errno: -fd, what: `Cannot open link ${id}` });
    using link = BpfLink.fromOwned(Fd.own(fd, `link ${id}`));
    links.push(link.info());
  }
  return links;
}
