// SPDX-License-Identifier: Apache-2.0
// Making devices: what each kind adds to RTM_NEWLINK.

import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import type { Fd } from "../fd.ts";
import { type MessageBuilder, Nlm } from "./codec.ts";
import { getLink, Ifla, type Link, linkAttributes, linkMessage, RTM_NEWLINK } from "./link.ts";
import type { NetlinkSocket } from "./socket.ts";

const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFINFO_SIZE = 16;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_UDP_ZERO_CSUM6_TX = 19;
const IFLA_VXLAN_UDP_ZERO_CSUM6_RX = 20;
const IFLA_VXLAN_COLLECT_METADATA = 25;
const IFLA_GENEVE_PORT = 5;
const IFLA_GENEVE_COLLECT_METADATA = 6;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IPVLAN_MODE_L3 = 1;
const IPVLAN_F_VEPA = 2;
const IFLA_GENEVE_UDP_ZERO_CSUM6_TX = 9;
const IFLA_GENEVE_UDP_ZERO_CSUM6_RX = 10;

export interface NewLink {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly txQueueLength?: number;
}

export interface NewVeth extends NewLink {
  /** Made right in `netns`, when given. */
  readonly peer: NewLink & { readonly netns?: Fd };
}

export interface NewTunnel extends NewLink {
  readonly port: number;
  /** The tunnel's address and VNI come with each packet (bpf_skb_set_tunnel_key). */
  readonly externalMetadata: true;
}

export interface NewIpvlan extends Omit<NewLink, "mac" | "txQueueLength"> {
  /** ifindex of the device that it is a slave of; its MAC address is the slave's too. */
  readonly master: number;
  /** Made right there, when given. */
  readonly netns?: Fd;
}

/** Throws EEXIST when one of the names is taken. */
export function createVeth(socket: NetlinkSocket, o: NewVeth): Link {
  return create(socket, "veth", o, (data) =>
    data.nested(VETH_INFO_PEER, (peer) => {
      peer.header(IFINFO_SIZE, () => {});
      linkAttributes(peer, o.peer);
    }),
  );
}

/** A VXLAN device for programs: no learning, no fixed peer; UDP checksums of IPv6 may be zero. */
export function createVxlan(socket: NetlinkSocket, o: NewTunnel): Link {
  return create(socket, "vxlan", o, (data) =>
    data
      .u8(IFLA_VXLAN_COLLECT_METADATA, 1)
      .u8(IFLA_VXLAN_LEARNING, 0)
      .u16be(IFLA_VXLAN_PORT, o.port)
      .u8(IFLA_VXLAN_UDP_ZERO_CSUM6_TX, 1)
      .u8(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1),
  );
}

/** The same of kind geneve. */
export function createGeneve(socket: NetlinkSocket, o: NewTunnel): Link {
  return create(socket, "geneve", o, (data) =>
    data
      .u16be(IFLA_GENEVE_PORT, o.port)
      .bytes(IFLA_GENEVE_COLLECT_METADATA, new Uint8Array())
      .u8(IFLA_GENEVE_UDP_ZERO_CSUM6_TX, 1)
      .u8(IFLA_GENEVE_UDP_ZERO_CSUM6_RX, 1),
  );
}

/**
 * A slave in mode L3: what it sends, the master's namespace routes, also what is for another slave (VEPA). EOPNOTSUPP when
 * the kernel lacks it, EBUSY when the master serves a bridge or macvlan.
 */
export function createIpvlan(socket: NetlinkSocket, { master, netns, ...o }: NewIpvlan): void {
  const message = linkMessage(RTM_NEWLINK, Nlm.ACK | Nlm.CREATE | Nlm.EXCL).u32(Ifla.IFLA_LINK, master);
  linkAttributes(message, { ...o, ...(netns && { netns }) });
  message.nested(Ifla.IFLA_LINKINFO, (info) =>
    info
      .string(IFLA_INFO_KIND, "ipvlan")
      .nested(IFLA_INFO_DATA, (data) =>
        data.u16(IFLA_IPVLAN_MODE, IPVLAN_MODE_L3).u16(IFLA_IPVLAN_FLAGS, IPVLAN_F_VEPA),
      ),
  );
  socket.request(message, `Cannot create ipvlan device "${o.name}"`);
}

export function createBridge(socket: NetlinkSocket, o: NewLink): Link {
  return create(socket, "bridge", o);
}

/** Any kind by its name, without data; EOPNOTSUPP when the kernel lacks it. */
export function createPlain(socket: NetlinkSocket, kind: string, o: NewLink): Link {
  return create(socket, kind, o);
}

function create(socket: NetlinkSocket, kind: string, o: NewLink, data?: (d: MessageBuilder) => void): Link {
  const message = linkMessage(RTM_NEWLINK, Nlm.ACK | Nlm.CREATE | Nlm.EXCL);
  linkAttributes(message, o);
  message.nested(Ifla.IFLA_LINKINFO, (info) => {
    info.string(IFLA_INFO_KIND, kind);
    if (data !== undefined) info.nested(IFLA_INFO_DATA, data);
  });
  const what = `Cannot create ${kind} device "${o.name}"`;
  socket.request(message, what);
  const link = getLink(socket, o.name);
  if (link !== undefined) return link;
  throw new SyscallError({ call: "RTM_GETLINK", errno: Errno.ENODEV, what, hint: "it was deleted at once" });
}
