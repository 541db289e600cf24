// SPDX-License-Identifier: Apache-2.0
// Change notifications of rtnetlink.
import { watchFd } from "../epoll.ts";
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { orClose } from "../fd.ts";
import type { Netns } from "../netns.ts";
import { type Address, parseAddress, RTM_DELADDR, RTM_NEWADDR } from "./address.ts";
import { fixedPart, type Message, parseMessages } from "./codec.ts";
import { type Link, parseLink, RTM_DELLINK, RTM_NEWLINK } from "./link.ts";
import { type Neighbor, parseNeighbor, RTM_DELNEIGH, RTM_NEWNEIGH } from "./neighbor.ts";
import { parseRoute, type Route, RTM_DELROUTE, RTM_NEWROUTE } from "./route.ts";
import { parseRule, RTM_DELRULE, RTM_NEWRULE, type Rule } from "./rule.ts";
import { joinGroup, openNetlink, receive, SOCK_NONBLOCK, setReceiveBuffer } from "./socket.ts";
import { RTM_DELQDISC, RTM_DELTFILTER, RTM_NEWTFILTER, TCMSG_SIZE } from "./tc.ts";

const NETLINK_ROUTE = 0;
const RECEIVE_BUFFER = 4 << 20;

/** RTNLGRP_* numbers. */
const GROUPS = { link: [1], neighbor: [3], filter: [4], address: [5, 9], route: [7, 11], rule: [8, 19] } as const;
export type NetlinkGroup = keyof typeof GROUPS;

type Change = "new" | "delete";
export type NetlinkEvent =
  | { readonly kind: "link"; readonly change: Change; readonly link: Link }
  | { readonly kind: "address"; readonly change: Change; readonly address: Address }
  | { readonly kind: "route"; readonly change: Change; readonly route: Route }
  | { readonly kind: "rule"; readonly change: Change; readonly rule: Rule }
  | { readonly kind: "neighbor"; readonly change: Change; readonly neighbor: Neighbor }
  /** A filter, or the qdisc with all filters, of a device. */
  | { readonly kind: "filter"; readonly change: Change; readonly ifindex: number }
  /** Events were lost: list everything again. */
  | { readonly kind: "resync" };

/** Calls onEvents with what changed in `netns` (default: here) from now on, until the handle is disposed. */
export function monitorNetlink(options: {
  readonly groups: readonly NetlinkGroup[];
  readonly netns?: Netns | undefined;
  readonly onEvents: (batch: NetlinkEvent[]) => void;
  /** Bytes of events that may wait; default 4 MiB. */
  readonly receiveBuffer?: number;
}): Disposable {
  const fd = openNetlink(NETLINK_ROUTE, { netns: options.netns, flags: SOCK_NONBLOCK });
  return orClose(fd, () => {
    setReceiveBuffer(fd, options.receiveBuffer ?? RECEIVE_BUFFER);
    for (const group of options.groups) for (const number of GROUPS[group]) joinGroup(fd, number);
    const buffer = Buffer.allocUnsafeSlow(64 * 1024);
    const watch = watchFd(fd, () => {
      const events = drain((into) => receive(fd, into), buffer);
      if (events.length > 0) options.onEvents(events);
    });
    return {
      [Symbol.dispose]: () => {
        watch[Symbol.dispose]();
        fd.close();
      },
    };
  });
}

/** Reads until nothing is left; `read` gives a length or minus errno. */
export function drain(read: (buffer: Buffer) => number, buffer: Buffer): NetlinkEvent[] {
  const events: NetlinkEvent[] = [];
  for (;;) {
    const length = read(buffer);
    if (length === -Errno.EAGAIN) return events;
    if (length === -Errno.ENOBUFS) {
      events.push({ kind: "resync" });
      continue;
    }
    if (length < 0) {
      throw new SyscallError({ call: "recv(netlink)", errno: -length, what: "Cannot read netlink notifications" });
    }
    for (const message of parseMessages(Buffer.from(buffer.subarray(0, length)))) {
      const event = parseEvent(message);
      if (event !== undefined) events.push(event);
    }
  }
}

/** Undefined for what is told of, but not in our terms. */
function parseEvent(message: Message): NetlinkEvent | undefined {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return linkEvent(message);
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = parseAddress(message);
      return address && { kind: "address", change: message.type === RTM_NEWADDR ? "new" : "delete", address };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = parseRoute(message);
      return route && { kind: "route", change: message.type === RTM_NEWROUTE ? "new" : "delete", route };
    }
    case RTM_NEWRULE:
    case RTM_DELRULE: {
      const rule = parseRule(message);
      return rule && { kind: "rule", change: message.type === RTM_NEWRULE ? "new" : "delete", rule };
    }
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: {
      const neighbor = parseNeighbor(message);
      return neighbor && { kind: "neighbor", change: message.type === RTM_NEWNEIGH ? "new" : "delete", neighbor };
    }
    case RTM_NEWTFILTER:
    case RTM_DELTFILTER:
    case RTM_DELQDISC: {
      const ifindex = fixedPart(message, TCMSG_SIZE).readInt32LE(4);
      return { kind: "filter", change: message.type === RTM_NEWTFILTER ? "new" : "delete", ifindex };
    }
    default:
      return undefined;
  }
}

/** Messages of a bridge about its ports have family AF_BRIDGE: a port that leaves is no device that goes. */
function linkEvent(message: Message): NetlinkEvent | undefined {
  if (message.body.readUInt8(0) !== 0) return undefined;
  return { kind: "link", change: message.type === RTM_NEWLINK ? "new" : "delete", link: parseLink(message) };
}
