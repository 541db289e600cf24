// SPDX-License-Identifier: Apache-2.0
// Network devices: RTM_*LINK.
import { macFromBytes, macToBytes } from "../address.ts";
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import type { Fd } from "../fd.ts";
import { Attributes, fixedPart, type Message, MessageBuilder, Nlm } from "./codec.ts";
import type { NetlinkSocket } from "./socket.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWLINKPROP = 108;
const IFINFO_SIZE = 16;
const RTEXT_FILTER_SKIP_STATS = 8;

/** Attributes of a link message. */
export const Ifla = {
  IFLA_ADDRESS: 1,
  IFLA_IFNAME: 3,
  IFLA_MTU: 4,
  IFLA_LINK: 5,
  IFLA_MASTER: 10,
  IFLA_TXQLEN: 13,
  IFLA_OPERSTATE: 16,
  IFLA_LINKINFO: 18,
  IFLA_AF_SPEC: 26,
  IFLA_NET_NS_FD: 28,
  IFLA_EXT_MASK: 29,
  IFLA_LINK_NETNSID: 37,
  IFLA_XDP: 43,
  IFLA_PROP_LIST: 52,
  IFLA_ALT_IFNAME: 53,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
/** Kinds that may take the tunnel from each packet: attributes of the UDP port, and of that. */
const TUNNELS: Readonly<Record<string, { readonly port: number; readonly metadata: number }>> = {
  vxlan: { port: 15, metadata: 25 },
  geneve: { port: 5, metadata: 6 },
};
const IFLA_XDP_PROG_ID = 4;
const AF_INET6 = 10;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;

const IFF_UP = 1;
const IFF_NOARP = 0x80;

/** IF_OPER_*. */
const OPER_STATES = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"] as const;
export type OperState = (typeof OPER_STATES)[number];

export interface Link {
  readonly ifindex: number;
  readonly name: string;
  readonly altNames: readonly string[];
  /** "veth", "vxlan", "bridge", …; undefined for hardware and lo. */
  readonly kind: string | undefined;
  /** Empty for devices without one. */
  readonly mac: string;
  readonly mtu: number;
  readonly txQueueLength: number;
  /** Administratively (IFF_UP). */
  readonly up: boolean;
  readonly noArp: boolean;
  /** IFF_*. */
  readonly flags: number;
  readonly operState: OperState;
  readonly master: number | undefined;
  /** The other end of a veth, the lower device of others; in namespace `peerNetnsId` when that is set. */
  readonly peerIfindex: number | undefined;
  readonly peerNetnsId: number | undefined;
  readonly xdpProgramId: number | undefined;
  /** UDP port of a vxlan or geneve device that takes the tunnel from each packet; undefined for all others. */
  readonly externalTunnelPort: number | undefined;
}

export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  readonly name?: string;
  /** Moves the device there. */
  readonly netns?: Fd;
  readonly noArp?: boolean;
  readonly altName?: string;
  /** ifindex of a bridge; null takes it out. */
  readonly master?: number | null;
  /** No link-local IPv6 address by itself. */
  readonly noAddrGen?: boolean;
  readonly txQueueLength?: number;
}

/** Starts a message about the device with this index (0: named by attributes). */
export function linkMessage(type: number, flags: number, ifindex = 0): MessageBuilder {
  return new MessageBuilder(type, Nlm.REQUEST | flags).header(IFINFO_SIZE, (h) => h.writeInt32LE(ifindex, 4));
}

export function parseLink(message: Message): Link {
  const header = fixedPart(message, IFINFO_SIZE);
  const attributes = new Attributes(message.body, IFINFO_SIZE);
  const flags = header.readUInt32LE(8);
  const names = attributes.nested(Ifla.IFLA_PROP_LIST)?.all.filter(([type]) => type === Ifla.IFLA_ALT_IFNAME) ?? [];
  const mac = attributes.bytes(Ifla.IFLA_ADDRESS);
  const xdp = attributes.nested(Ifla.IFLA_XDP)?.u32(IFLA_XDP_PROG_ID);
  return {
    ifindex: header.readInt32LE(4),
    name: attributes.string(Ifla.IFLA_IFNAME) ?? "",
    altNames: names.map(([, value]) => value.toString().replace(/\0.*$/s, "")),
    kind: attributes.nested(Ifla.IFLA_LINKINFO)?.string(IFLA_INFO_KIND),
    mac: mac?.length === 6 ? macFromBytes(mac) : "",
    mtu: attributes.u32(Ifla.IFLA_MTU) ?? 0,
    txQueueLength: attributes.u32(Ifla.IFLA_TXQLEN) ?? 0,
    up: (flags & IFF_UP) !== 0,
    noArp: (flags & IFF_NOARP) !== 0,
    flags,
    operState: OPER_STATES[attributes.u8(Ifla.IFLA_OPERSTATE) ?? 0] ?? "unknown",
    master: attributes.u32(Ifla.IFLA_MASTER),
    peerIfindex: attributes.u32(Ifla.IFLA_LINK),
    peerNetnsId: attributes.u32(Ifla.IFLA_LINK_NETNSID),
    xdpProgramId: xdp === 0 ? undefined : xdp,
    externalTunnelPort: externalTunnelPort(attributes.nested(Ifla.IFLA_LINKINFO)),
  };
}

/** That of vxlan is a byte, 1 or 0; that of geneve is there or not. */
function externalTunnelPort(info: Attributes | undefined): number | undefined {
  const kind = TUNNELS[info?.string(IFLA_INFO_KIND) ?? ""];
  const data = info?.nested(IFLA_INFO_DATA);
  const metadata = kind && data?.bytes(kind.metadata);
  if (kind === undefined || metadata === undefined || metadata[0] === 0) return undefined;
  return data?.u16be(kind.port);
}

export function listLinks(socket: NetlinkSocket): Link[] {
  const make = () => linkMessage(RTM_GETLINK, Nlm.DUMP).u32(Ifla.IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return socket.dump(make, "Cannot list devices").map(parseLink);
}

/** By name (also an alternative one) or index. */
export function getLink(socket: NetlinkSocket, nameOrIndex: string | number): Link | undefined {
  const message = linkMessage(RTM_GETLINK, Nlm.ACK, typeof nameOrIndex === "number" ? nameOrIndex : 0);
  message.u32(Ifla.IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  if (typeof nameOrIndex === "string") nameAttribute(message, nameOrIndex);
  try {
    const [answer] = socket.request(message, `Cannot find device "${nameOrIndex}"`);
    return answer === undefined ? undefined : parseLink(answer);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.ENODEV) return undefined;
    throw error;
  }
}

/** Throws ENODEV when it is not there. */
function linkIndex(socket: NetlinkSocket, nameOrIndex: string | number): number {
  if (typeof nameOrIndex === "number") return nameOrIndex;
  const link = getLink(socket, nameOrIndex);
  if (link !== undefined) return link.ifindex;
  throw new SyscallError({ call: "RTM_GETLINK", errno: Errno.ENODEV, what: `Cannot find device "${nameOrIndex}"` });
}

export function setLink(socket: NetlinkSocket, nameOrIndex: string | number, change: LinkChange): void {
  const ifindex = linkIndex(socket, nameOrIndex);
  const what = `Cannot change device "${nameOrIndex}"`;
  const message = new MessageBuilder(RTM_NEWLINK, Nlm.REQUEST | Nlm.ACK).header(IFINFO_SIZE, (header) => {
    header.writeInt32LE(ifindex, 4);
    const bits = [
      [IFF_UP, change.up],
      [IFF_NOARP, change.noArp],
    ] as const;
    let flags = 0;
    let mask = 0;
    for (const [bit, wanted] of bits) {
      if (wanted === undefined) continue;
      mask |= bit;
      if (wanted) flags |= bit;
    }
    header.writeUInt32LE(flags, 8);
    header.writeUInt32LE(mask, 12);
  });
  linkAttributes(message, change);
  if (change.master !== undefined) message.u32(Ifla.IFLA_MASTER, change.master ?? 0);
  if (change.noAddrGen === true) {
    message.nested(Ifla.IFLA_AF_SPEC, (families) =>
      families.nested(AF_INET6, (inet6) => inet6.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)),
    );
  }
  socket.request(message, what);
  if (change.altName !== undefined) addAltName(socket, ifindex, change.altName, what);
}

/** False when there was none. */
export function deleteLink(socket: NetlinkSocket, nameOrIndex: string | number): boolean {
  const message = linkMessage(RTM_DELLINK, Nlm.ACK, typeof nameOrIndex === "number" ? nameOrIndex : 0);
  if (typeof nameOrIndex === "string") nameAttribute(message, nameOrIndex);
  return socket.tryRequest(message, `Cannot delete device "${nameOrIndex}"`, [Errno.ENODEV]);
}

/** Name, MAC, MTU, queue length and namespace, as far as they are given. */
export function linkAttributes(
  message: MessageBuilder,
  o: { name?: string; mac?: string; mtu?: number; txQueueLength?: number; netns?: Fd },
): void {
  if (o.name !== undefined) message.string(Ifla.IFLA_IFNAME, o.name);
  if (o.mac !== undefined) message.bytes(Ifla.IFLA_ADDRESS, macToBytes(o.mac));
  if (o.mtu !== undefined) message.u32(Ifla.IFLA_MTU, o.mtu);
  if (o.txQueueLength !== undefined) message.u32(Ifla.IFLA_TXQLEN, o.txQueueLength);
  if (o.netns !== undefined) message.u32(Ifla.IFLA_NET_NS_FD, o.netns.value);
}

/** Names above 15 bytes can only be alternative ones. */
function nameAttribute(message: MessageBuilder, name: string): void {
  message.string(Buffer.byteLength(name) > 15 ? Ifla.IFLA_ALT_IFNAME : Ifla.IFLA_IFNAME, name);
}

function addAltName(socket: NetlinkSocket, ifindex: number, name: string, what: string): void {
  const message = linkMessage(RTM_NEWLINKPROP, Nlm.ACK | Nlm.CREATE | Nlm.EXCL | Nlm.APPEND, ifindex);
  message.nested(Ifla.IFLA_PROP_LIST, (list) => list.string(Ifla.IFLA_ALT_IFNAME, name));
  socket.tryRequest(message, what, [Errno.EEXIST]);
}
