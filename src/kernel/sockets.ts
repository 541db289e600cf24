// SPDX-License-Identifier: Apache-2.0
// Sockets that Node cannot open by itself: ICMP echo without raw access, and listeners in another namespace.
import { SyscallError } from "./errors.ts";
import { Fd } from "./fd.ts";
import { c } from "./ffi.ts";
import { type Netns, withNetns } from "./netns.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_FLAGS = 0o2000000 | 0o4000; // close on exec, non-blocking
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const BACKLOG = 128;

export type SocketFamily = 4 | 6;

/**
 * An ICMP (ICMPv6) echo socket in `netns`: sends echo requests, of which the kernel sets identifier and checksum, and
 * gets the replies to them. Throws EACCES when `net.ipv4.ping_group_range` leaves out this process's groups.
 */
export function openPingSocket(family: SocketFamily, netns?: Netns): Fd {
  if (netns !== undefined) return withNetns(netns, () => openPingSocket(family));
  const [domain, protocol] = family === 4 ? [AF_INET, IPPROTO_ICMP] : [AF_INET6, IPPROTO_ICMPV6];
  return open(domain, SOCK_DGRAM, protocol, `Cannot open an ICMP socket for IPv${family}`);
}

/** A TCP socket that listens on all addresses of `netns`; the caller accepts. Throws EADDRINUSE. */
export function listenTcp(family: SocketFamily, port: number, netns?: Netns): Fd {
  if (netns !== undefined) return withNetns(netns, () => listenTcp(family, port));
  const what = `Cannot listen on port ${port} (IPv${family})`;
  const fd = open(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM, 0, what);
  try {
    set(fd, SOL_SOCKET, SO_REUSEADDR, what);
    if (family === 6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, what);
    const address = anyAddress(family, port);
    if (c.bind(fd.value, address, address.length) !== 0) throw SyscallError.last("bind", what);
    if (c.listen(fd.value, BACKLOG) !== 0) throw SyscallError.last("listen", what);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

function open(domain: number, type: number, protocol: number, what: string): Fd {
  const value = c.socket(domain, type | SOCK_FLAGS, protocol);
  if (value < 0) throw SyscallError.last("socket", what);
  return Fd.own(value, what.replace("Cannot ", ""));
}

function set(fd: Fd, level: number, name: number, what: string): void {
  if (c.setsockopt(fd.value, level, name, Uint8Array.of(1, 0, 0, 0), 4) !== 0) {
    throw SyscallError.last("setsockopt", what);
  }
}

/** struct sockaddr_in or sockaddr_in6 of the address that stands for all. */
function anyAddress(family: SocketFamily, port: number): Uint8Array {
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  return bytes;
}
