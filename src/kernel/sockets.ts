// SPDX-License-Identifier: Apache-2.0
// Sockets that Node cannot open by itself: ICMP echo without raw access, and listeners in another namespace.
import type { Family } from "./address.ts";
import { SyscallError } from "./errors.ts";
import { Fd, orClose } from "./fd.ts";
import { c } from "./ffi.ts";
import { familyNumber } from "./netlink/family.ts";
import { type Netns, withNetns } from "./netns.ts";

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_FLAGS = 0o2000000 | 0o4000; // close on exec, non-blocking
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const IPV6_DONTFRAG = 62;
const PMTUDISC_PROBE = 3;
const BACKLOG = 128;

export interface PingSocketOptions {
  readonly netns?: Netns;
  /** Never fragment, and ignore what is known of path MTUs (IP_PMTUDISC_PROBE). */
  readonly probeMtu?: boolean;
}

/**
 * An ICMP (ICMPv6) echo socket in `netns`: sends echo requests, of which the kernel sets identifier and checksum, and
 * gets the replies to them. Throws EACCES when `net.ipv4.ping_group_range` leaves out this process's groups.
 */
export function openPingSocket(family: Family, { netns, probeMtu = false }: PingSocketOptions = {}): Fd {
  if (netns !== undefined) return withNetns(netns, () => openPingSocket(family, { probeMtu }));
  const what = `Cannot open an ICMP socket for IPv${family}`;
  const fd = open(familyNumber(family), SOCK_DGRAM, family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, what);
  if (probeMtu) orClose(fd, () => sendWhole(fd, family, what));
  return fd;
}

/** Packets go out in one piece or not at all, whatever path MTU is known; the device's MTU still counts. */
function sendWhole(fd: Fd, family: Family, what: string): void {
  if (family === 4) {
    set(fd, IPPROTO_IP, IP_MTU_DISCOVER, what, PMTUDISC_PROBE);
    return;
  }
  set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, what, PMTUDISC_PROBE);
  set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, what);
}

/** A TCP socket that listens on all addresses of `netns`; the caller accepts. Throws EADDRINUSE. */
export function listenTcp(family: Family, port: number, netns?: Netns): Fd {
  if (netns !== undefined) return withNetns(netns, () => listenTcp(family, port));
  const what = `Cannot listen on port ${port} (IPv${family})`;
  const fd = open(familyNumber(family), SOCK_STREAM, 0, what);
  orClose(fd, () => {
    set(fd, SOL_SOCKET, SO_REUSEADDR, what);
    if (family === 6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, what);
    const address = anyAddress(family, port);
    if (c.bind(fd.value, address, address.length) !== 0) throw SyscallError.last("bind", what);
    if (c.listen(fd.value, BACKLOG) !== 0) throw SyscallError.last("listen", what);
  });
  return fd;
}

function open(domain: number, type: number, protocol: number, what: string): Fd {
  const value = c.socket(domain, type | SOCK_FLAGS, protocol);
  if (value < 0) throw SyscallError.last("socket", what);
  return Fd.own(value, what.replace("Cannot ", ""));
}

function set(fd: Fd, level: number, name: number, what: string, value = 1): void {
  if (c.setsockopt(fd.value, level, name, Uint8Array.of(value, 0, 0, 0), 4) !== 0) {
    throw SyscallError.last("setsockopt", what);
  }
}

/** struct sockaddr_in or sockaddr_in6 of the address that stands for all. */
function anyAddress(family: Family, port: number): Uint8Array {
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(familyNumber(family), 0);
  bytes.writeUInt16BE(port, 2);
  return bytes;
}
