// SPDX-License-Identifier: Apache-2.0
// Routes: RTM_*ROUTE.
import { type Family, ipFamily, ipFromBytes, ipToBytes, parseCidr } from "../address.ts";
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { Attributes, fixedPart, type Message, MessageBuilder, Nlm } from "./codec.ts";
import { anyAddress, familyNumber, familyOf, type Scope, scopeName, scopeNumber } from "./family.ts";
import type { NetlinkSocket } from "./socket.ts";

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTMSG_SIZE = 12;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTAX_MTU = 2;
const RTNH_F_ONLINK = 4;
const RTM_F_CLONED = 0x200;

/** EINVAL, EACCES: a blackhole, a prohibition. */
const noRoute: readonly number[] = [Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.EINVAL, Errno.EACCES];

export const ROUTE_TABLE_MAIN = 254;
export const ROUTE_TABLE_LOCAL = 255;
const RTPROT_STATIC = 4;

const TYPES = [
  "unspec",
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
] as const;
export type RouteType = (typeof TYPES)[number];

export interface Route {
  readonly family: Family;
  /** Canonical prefix; the default route is 0.0.0.0/0 or ::/0. */
  readonly destination: string;
  readonly table: number;
  readonly gateway: string | undefined;
  readonly ifindex: number | undefined;
  /** Preferred source address. */
  readonly source: string | undefined;
  readonly mtu: number | undefined;
  /** Lower wins; IPv6 routes of user space have 1024 unless told. */
  readonly metric: number | undefined;
  readonly scope: Scope;
  /** RTPROT_*: 2 kernel, 4 static, … */
  readonly protocol: number;
  readonly type: RouteType;
  /** The gateway is taken to be on the link. */
  readonly onlink: boolean;
}

export interface RouteSpec {
  readonly destination: string;
  /** Default main. */
  readonly table?: number | undefined;
  readonly gateway?: string | undefined;
  readonly ifindex?: number | undefined;
  readonly source?: string | undefined;
  readonly mtu?: number | undefined;
  readonly metric?: number | undefined;
  /** Default: universe with a gateway and for IPv6, host for local ones, else link. */
  readonly scope?: Scope | undefined;
  /** Default static. */
  readonly protocol?: number | undefined;
  /** Default unicast. */
  readonly type?: RouteType | undefined;
  readonly onlink?: boolean | undefined;
}

/** Undefined for cached entries and for what is not IP. */
export function parseRoute(message: Message): Route | undefined {
  const cached = (fixedPart(message, RTMSG_SIZE).readUInt32LE(8) & RTM_F_CLONED) !== 0;
  return cached ? undefined : parseAny(message);
}

function parseAny(message: Message): Route | undefined {
  const header = fixedPart(message, RTMSG_SIZE);
  const family = familyOf(header.readUInt8(0));
  const flags = header.readUInt32LE(8);
  if (family === undefined) return undefined;
  const attributes = new Attributes(message.body, RTMSG_SIZE);
  const address = (type: number) => {
    const bytes = attributes.bytes(type);
    return bytes === undefined ? undefined : ipFromBytes(bytes);
  };
  return {
    family,
    destination: `${address(RTA_DST) ?? anyAddress(family)}/${header.readUInt8(1)}`,
    table: attributes.u32(RTA_TABLE) ?? header.readUInt8(4),
    gateway: address(RTA_GATEWAY) ?? viaAddress(attributes.bytes(RTA_VIA)),
    ifindex: attributes.u32(RTA_OIF),
    source: address(RTA_PREFSRC),
    mtu: attributes.nested(RTA_METRICS)?.u32(RTAX_MTU),
    metric: attributes.u32(RTA_PRIORITY),
    scope: scopeName(header.readUInt8(6)),
    protocol: header.readUInt8(5),
    type: TYPES[header.readUInt8(7)] ?? "unspec",
    onlink: (flags & RTNH_F_ONLINK) !== 0,
  };
}

/** A gateway of another family. */
function viaAddress(via: Buffer | undefined): string | undefined {
  return via === undefined || via.length < 6 ? undefined : ipFromBytes(via.subarray(2));
}

export function listRoutes(
  socket: NetlinkSocket,
  filter: { family?: Family; table?: number; ifindex?: number },
): Route[] {
  const make = () => {
    const message = new MessageBuilder(RTM_GETROUTE, Nlm.REQUEST | Nlm.DUMP).header(RTMSG_SIZE, (header) =>
      header.writeUInt8(familyNumber(filter.family), 0),
    );
    if (filter.table !== undefined) message.u32(RTA_TABLE, filter.table);
    if (filter.ifindex !== undefined) message.u32(RTA_OIF, filter.ifindex);
    return message;
  };
  let messages: Message[];
  try {
    messages = socket.dump(make, "Cannot list routes");
  } catch (error) {
    const errno = error instanceof SyscallError ? error.errno : undefined;
    // A table that nobody wrote to yet.
    if (filter.table !== undefined && errno === Errno.ENOENT) return [];
    // A device that is gone, with its routes.
    if (filter.ifindex !== undefined && errno === Errno.ENODEV) return [];
    throw error;
  }
  // Without a family the kernel may not filter for us.
  return messages
    .map(parseRoute)
    .filter((route) => route !== undefined)
    .filter((route) => filter.table === undefined || route.table === filter.table)
    .filter((route) => filter.ifindex === undefined || route.ifindex === filter.ifindex);
}

/** Asks the kernel which way it would send; undefined when it would not. */
export function findRouteTo(socket: NetlinkSocket, address: string): Route | undefined {
  const family = ipFamily(address);
  const message = new MessageBuilder(RTM_GETROUTE, Nlm.REQUEST | Nlm.ACK).header(RTMSG_SIZE, (header) => {
    header.writeUInt8(familyNumber(family), 0);
    header.writeUInt8(family === 4 ? 32 : 128, 1);
  });
  try {
    const [answer] = socket.request(message.bytes(RTA_DST, ipToBytes(address)), `Cannot find the route to ${address}`);
    const route = answer && parseAny(answer);
    return route?.ifindex === undefined ? undefined : route;
  } catch (error) {
    if (error instanceof SyscallError && noRoute.includes(error.errno)) return undefined;
    throw error;
  }
}

/** Takes the place of the route with the same destination, table and metric. */
export function replaceRoute(socket: NetlinkSocket, spec: RouteSpec): void {
  const scope = spec.scope ?? defaultScope(spec);
  const message = routeMessage(RTM_NEWROUTE, Nlm.CREATE | Nlm.REPLACE, spec, {
    scope,
    protocol: spec.protocol ?? RTPROT_STATIC,
    type: spec.type ?? "unicast",
  });
  socket.request(message, `Cannot set route ${routeText(spec)}`);
}

/** What is left out of `spec` matches anything. False when there was none. */
export function deleteRoute(socket: NetlinkSocket, spec: RouteSpec): boolean {
  const message = routeMessage(RTM_DELROUTE, 0, spec, {
    scope: spec.scope ?? "nowhere",
    protocol: spec.protocol ?? 0,
    type: spec.type ?? "unspec",
  });
  return socket.tryRequest(message, `Cannot delete route ${routeText(spec)}`, [
    Errno.ESRCH,
    Errno.ENOENT,
    Errno.ENODEV,
  ]);
}

function defaultScope(spec: RouteSpec): Scope {
  if (ipFamily(parseCidr(spec.destination).ip) === 6 || spec.gateway !== undefined) return "universe";
  if (spec.type === "local") return "host";
  return spec.type === undefined || spec.type === "unicast" ? "link" : "universe";
}

function routeMessage(
  type: number,
  flags: number,
  spec: RouteSpec,
  o: { scope: Scope; protocol: number; type: RouteType },
): MessageBuilder {
  const { ip, bits, family } = parseCidr(spec.destination);
  const table = spec.table ?? ROUTE_TABLE_MAIN;
  const message = new MessageBuilder(type, Nlm.REQUEST | Nlm.ACK | flags).header(RTMSG_SIZE, (header) => {
    header.writeUInt8(familyNumber(family), 0);
    header.writeUInt8(bits, 1);
    header.writeUInt8(table < 256 ? table : 0, 4);
    header.writeUInt8(o.protocol, 5);
    header.writeUInt8(scopeNumber(o.scope), 6);
    header.writeUInt8(TYPES.indexOf(o.type), 7);
    header.writeUInt32LE(spec.onlink === true ? RTNH_F_ONLINK : 0, 8);
  });
  message.u32(RTA_TABLE, table);
  if (bits > 0) message.bytes(RTA_DST, ipToBytes(ip));
  if (spec.gateway !== undefined) gatewayAttribute(message, family, spec.gateway);
  if (spec.ifindex !== undefined) message.u32(RTA_OIF, spec.ifindex);
  if (spec.source !== undefined) message.bytes(RTA_PREFSRC, ipToBytes(spec.source));
  if (spec.metric !== undefined) message.u32(RTA_PRIORITY, spec.metric);
  const mtu = spec.mtu;
  if (mtu !== undefined) message.nested(RTA_METRICS, (metrics) => metrics.u32(RTAX_MTU, mtu));
  return message;
}

function gatewayAttribute(message: MessageBuilder, family: Family, gateway: string): void {
  const bytes = ipToBytes(gateway);
  const gatewayFamily = ipFamily(gateway);
  if (gatewayFamily === family) message.bytes(RTA_GATEWAY, bytes);
  else message.bytes(RTA_VIA, Buffer.concat([Uint8Array.of(familyNumber(gatewayFamily), 0), bytes]));
}

function routeText(spec: RouteSpec): string {
  const via = spec.gateway === undefined ? "" : ` via ${spec.gateway}`;
  return `${spec.destination}${via} in table ${spec.table ?? ROUTE_TABLE_MAIN}`;
}
