// SPDX-License-Identifier: Apache-2.0
// Neighbours (ARP and ND entries): RTM_*NEIGH.
import { type Family, ipFamily, ipFromBytes, ipToBytes, macFromBytes, macToBytes } from "../address.ts";
import { Errno } from "../errno.ts";
import { Attributes, fixedPart, type Message, MessageBuilder, Nlm } from "./codec.ts";
import { familyNumber, familyOf } from "./family.ts";
import type { NetlinkSocket } from "./socket.ts";

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;
const NDMSG_SIZE = 12;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_IFINDEX = 8;
const NUD_REACHABLE = 2;
/** Never aged out nor learned. */
export const NUD_PERMANENT = 0x80;
const NTF_PROXY = 8;
const NTF_ROUTER = 0x80;

export interface Neighbor {
  readonly ifindex: number;
  readonly family: Family;
  readonly address: string;
  /** Undefined while it is not known. */
  readonly mac: string | undefined;
  /** NUD_*: 2 reachable, 4 stale, 0x20 failed, 0x80 permanent. */
  readonly state: number;
  /** NTF_*. */
  readonly flags: number;
}

export interface NeighborSpec {
  readonly ifindex: number;
  readonly address: string;
  readonly mac: string;
  /** Never aged out; default true. */
  readonly permanent?: boolean;
  readonly router?: boolean;
}

/** Undefined for what is not IP (bridge entries). */
export function parseNeighbor(message: Message): Neighbor | undefined {
  const header = fixedPart(message, NDMSG_SIZE);
  const family = familyOf(header.readUInt8(0));
  const attributes = new Attributes(message.body, NDMSG_SIZE);
  const address = attributes.bytes(NDA_DST);
  if (family === undefined || address === undefined) return undefined;
  const mac = attributes.bytes(NDA_LLADDR);
  return {
    ifindex: header.readInt32LE(4),
    family,
    address: ipFromBytes(address),
    mac: mac?.length === 6 ? macFromBytes(mac) : undefined,
    state: header.readUInt16LE(8),
    flags: header.readUInt8(10),
  };
}

export function listNeighbors(socket: NetlinkSocket, filter: { ifindex?: number; family?: Family }): Neighbor[] {
  const make = () => {
    const message = new MessageBuilder(RTM_GETNEIGH, Nlm.REQUEST | Nlm.DUMP).header(NDMSG_SIZE, (header) =>
      header.writeUInt8(familyNumber(filter.family), 0),
    );
    if (filter.ifindex !== undefined) message.u32(NDA_IFINDEX, filter.ifindex);
    return message;
  };
  const messages = socket.dump(make, "Cannot list neighbours");
  return messages.map(parseNeighbor).filter((neighbor) => neighbor !== undefined);
}

/** Adds or overwrites. */
export function replaceNeighbor(socket: NetlinkSocket, spec: NeighborSpec): void {
  const state = spec.permanent === false ? NUD_REACHABLE : NUD_PERMANENT;
  const message = neighborMessage(RTM_NEWNEIGH, Nlm.CREATE | Nlm.REPLACE, spec, {
    state,
    flags: spec.router === true ? NTF_ROUTER : 0,
  }).bytes(NDA_LLADDR, macToBytes(spec.mac));
  socket.request(message, `Cannot set neighbour ${spec.address} of device ${spec.ifindex}`);
}

/** The device answers for the address of others (proxy ARP and ND). */
export function addProxyNeighbor(socket: NetlinkSocket, spec: { ifindex: number; address: string }): void {
  const message = neighborMessage(RTM_NEWNEIGH, Nlm.CREATE | Nlm.REPLACE, spec, { state: 0, flags: NTF_PROXY });
  socket.request(message, `Cannot set proxy neighbour ${spec.address} of device ${spec.ifindex}`);
}

/** False when there was none. */
export function deleteNeighbor(
  socket: NetlinkSocket,
  spec: { ifindex: number; address: string; proxy?: boolean },
): boolean {
  const flags = spec.proxy === true ? NTF_PROXY : 0;
  const message = neighborMessage(RTM_DELNEIGH, 0, spec, { state: 0, flags });
  const what = `Cannot delete neighbour ${spec.address} of device ${spec.ifindex}`;
  return socket.tryRequest(message, what, [Errno.ENOENT, Errno.ENODEV]);
}

function neighborMessage(
  type: number,
  flags: number,
  spec: { ifindex: number; address: string },
  o: { state: number; flags: number },
): MessageBuilder {
  return new MessageBuilder(type, Nlm.REQUEST | Nlm.ACK | flags)
    .header(NDMSG_SIZE, (header) => {
      header.writeUInt8(familyNumber(ipFamily(spec.address)), 0);
      header.writeInt32LE(spec.ifindex, 4);
      header.writeUInt16LE(o.state, 8);
      header.writeUInt8(o.flags, 10);
    })
    .bytes(NDA_DST, ipToBytes(spec.address));
}
