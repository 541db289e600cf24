// SPDX-License-Identifier: Apache-2.0
// Addresses of devices: RTM_*ADDR.
import { type Family, ipFamily, ipFromBytes, ipToBytes } from "../address.ts";
import { Errno } from "../errno.ts";
import { Attributes, fixedPart, type Message, MessageBuilder, Nlm } from "./codec.ts";
import { familyNumber, familyOf, type Scope, scopeName, scopeNumber } from "./family.ts";
import type { NetlinkSocket } from "./socket.ts";

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const IFADDR_SIZE = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 2;
const IFA_F_DADFAILED = 8;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_NOPREFIXROUTE = 0x200;

export interface Address {
  readonly ifindex: number;
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  readonly scope: Scope;
  /** IFA_F_*. */
  readonly flags: number;
  readonly tentative: boolean;
  readonly dadFailed: boolean;
}

export interface AddressSpec {
  readonly ifindex: number;
  readonly address: string;
  readonly prefixLength: number;
  /** Default universe. */
  readonly scope?: Scope;
  /** No duplicate address detection: usable at once (IPv6). */
  readonly noDad?: boolean;
  /** The kernel adds no route for the prefix. */
  readonly noPrefixRoute?: boolean;
}

export function parseAddress(message: Message): Address | undefined {
  const header = fixedPart(message, IFADDR_SIZE);
  const family = familyOf(header.readUInt8(0));
  const attributes = new Attributes(message.body, IFADDR_SIZE);
  // On point-to-point devices IFA_ADDRESS is the peer's.
  const bytes = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS);
  if (family === undefined || bytes === undefined) return undefined;
  const flags = attributes.u32(IFA_FLAGS) ?? header.readUInt8(2);
  return {
    ifindex: header.readUInt32LE(4),
    family,
    address: ipFromBytes(bytes),
    prefixLength: header.readUInt8(1),
    scope: scopeName(header.readUInt8(3)),
    flags,
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
  };
}

export function listAddresses(socket: NetlinkSocket, filter: { ifindex?: number; family?: Family }): Address[] {
  const make = () =>
    new MessageBuilder(RTM_GETADDR, Nlm.REQUEST | Nlm.DUMP).header(IFADDR_SIZE, (header) => {
      header.writeUInt8(familyNumber(filter.family), 0);
      header.writeUInt32LE(filter.ifindex ?? 0, 4);
    });
  const messages = socket.dump(make, "Cannot list addresses");
  return messages.map(parseAddress).filter((address) => address !== undefined);
}

/** An address that is there already gets the new flags. */
export function addAddress(socket: NetlinkSocket, spec: AddressSpec): void {
  const message = addressMessage(RTM_NEWADDR, Nlm.CREATE | Nlm.REPLACE, spec);
  let flags = 0;
  if (spec.noDad === true) flags |= IFA_F_NODAD;
  if (spec.noPrefixRoute === true) flags |= IFA_F_NOPREFIXROUTE;
  message.u32(IFA_FLAGS, flags);
  socket.request(message, `Cannot add address ${spec.address}/${spec.prefixLength} to device ${spec.ifindex}`);
}

/** False when there was none. */
export function deleteAddress(socket: NetlinkSocket, spec: AddressSpec): boolean {
  const what = `Cannot delete address ${spec.address}/${spec.prefixLength} of device ${spec.ifindex}`;
  return socket.tryRequest(addressMessage(RTM_DELADDR, 0, spec), what, [Errno.EADDRNOTAVAIL, Errno.ENODEV]);
}

function addressMessage(type: number, flags: number, spec: AddressSpec): MessageBuilder {
  const bytes = ipToBytes(spec.address);
  return new MessageBuilder(type, Nlm.REQUEST | Nlm.ACK | flags)
    .header(IFADDR_SIZE, (header) => {
      header.writeUInt8(familyNumber(ipFamily(spec.address)), 0);
      header.writeUInt8(spec.prefixLength, 1);
      header.writeUInt8(scopeNumber(spec.scope ?? "universe"), 3);
      header.writeUInt32LE(spec.ifindex, 4);
    })
    .bytes(IFA_LOCAL, bytes)
    .bytes(IFA_ADDRESS, bytes);
}
