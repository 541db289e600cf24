// SPDX-License-Identifier: Apache-2.0
// A netlink socket: requests with acknowledgement, dumps, the kernel's own words in errors.
import { Errno } from "../errno.ts";
import { SyscallError, type SyscallFailure } from "../errors.ts";
import { Fd, orClose } from "../fd.ts";
import { c, lastErrno } from "../ffi.ts";
import { type Netns, withNetns } from "../netns.ts";
import { Attributes, fixedPart, type Message, MessageBuilder, NLMSG_HEADER, Nlm, parseMessages } from "./codec.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

const MSG_TRUNC = 0x20;
/** For whichever socket receives: none keeps anything in it, and a quarter megabyte each would wake the collector. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);
const TIMEOUT_S = 5;
const DUMP_TRIES = 10;
/** Bytes of messages that are sent together. */
const batchRoom = 8 * 1024 * 1024;

/** Opens an AF_NETLINK socket in `netns` (default: here); it stays in that namespace. */
export function openNetlink(protocol: number, o: { netns?: Netns | undefined; flags?: number } = {}): Fd {
  if (o.netns !== undefined) return withNetns(o.netns, () => openNetlink(protocol, { flags: o.flags ?? 0 }));
  const value = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC | (o.flags ?? 0), protocol);
  if (value < 0) throw SyscallError.last("socket(AF_NETLINK)", "Cannot open netlink");
  const fd = Fd.own(value, "netlink socket");
  const address = new Uint8Array(12);
  address[0] = AF_NETLINK;
  orClose(fd, () => {
    if (c.bind(value, address, address.length) === 0) return;
    throw SyscallError.last("bind(AF_NETLINK)", "Cannot open netlink");
  });
  return fd;
}

function setIntOption(fd: Fd, level: number, name: number, value: number): boolean {
  return c.setsockopt(fd.value, level, name, new Uint8Array(new Int32Array([value]).buffer), 4) === 0;
}

export function joinGroup(fd: Fd, group: number): void {
  if (!setIntOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)) {
    throw SyscallError.last("setsockopt(NETLINK_ADD_MEMBERSHIP)", `Cannot join netlink group ${group}`);
  }
}

export function setReceiveBuffer(fd: Fd, bytes: number): void {
  setIntOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
}

/** One datagram into `buffer`, or minus errno. */
export function receive(fd: Fd, buffer: Buffer): number {
  for (;;) {
    const length = c.recv(fd.value, buffer, buffer.length, MSG_TRUNC);
    if (length > buffer.length) throw new Error(`Cannot receive netlink datagram of ${length} bytes`);
    if (length >= 0) return length;
    const errno = lastErrno();
    if (errno !== Errno.EINTR) return -errno;
  }
}

/** Synchronous requests over one socket. */
export class NetlinkSocket implements Disposable {
  readonly #fd: Fd;
  #sequence = 0;

  constructor(protocol: number, netns?: Netns) {
    this.#fd = openNetlink(protocol, { netns });
    setIntOption(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    setIntOption(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    setIntOption(this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    const timeout = new Uint8Array(new BigInt64Array([BigInt(TIMEOUT_S), 0n]).buffer);
    c.setsockopt(this.#fd.value, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length);
  }

  /** Sends and waits for the acknowledgement; returns what came before it. `what` is "Cannot …". */
  request(message: MessageBuilder, what: string): Message[] {
    const { messages, failure } = this.#exchange(message, what);
    if (failure !== undefined) throw new SyscallError(failure);
    return messages;
  }

  /** As request(), with these errnos taken as false. */
  tryRequest(message: MessageBuilder, what: string, accepted: readonly number[]): boolean {
    const { failure } = this.#exchange(message, what);
    if (failure === undefined) return true;
    if (accepted.includes(failure.errno)) return false;
    throw new SyscallError(failure);
  }

  /** All messages of a dump; asked again when the kernel says that things moved meanwhile. */
  dump(make: () => MessageBuilder, what: string): Message[] {
    for (let attempt = 0; attempt < DUMP_TRIES; attempt++) {
      const { messages, failure, interrupted } = this.#exchange(make(), what);
      if (failure !== undefined) throw new SyscallError(failure);
      if (!interrupted) return messages;
    }
    throw new SyscallError({ call: "netlink", errno: Errno.EINTR, what, hint: "it changed during each of 10 dumps" });
  }

  /** Sends messages together that the kernel takes or refuses together; the last but one asks for an acknowledgement. */
  batch(messages: readonly MessageBuilder[], what: string): void {
    setIntOption(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, batchRoom);
    const { failure } = this.#exchange(messages, what);
    if (failure !== undefined) throw new SyscallError(failure);
  }

  #exchange(
    message: MessageBuilder | readonly MessageBuilder[],
    what: string,
  ): { messages: Message[]; failure: SyscallFailure | undefined; interrupted: boolean } {
    const sequence = ++this.#sequence;
    const bytes =
      message instanceof MessageBuilder
        ? message.finish(sequence)
        : Buffer.concat(message.map((part) => part.finish(sequence)));
    if (c.send(this.#fd.value, bytes, bytes.length, 0) < 0) throw SyscallError.last("send(netlink)", what);
    const messages: Message[] = [];
    let interrupted = false;
    for (;;) {
      const length = receive(this.#fd, buffer);
      if (length < 0) throw new SyscallError({ call: "recv(netlink)", errno: -length, what });
      // Copied: the buffer is used again before the messages are read.
      for (const answer of parseMessages(Buffer.from(buffer.subarray(0, length)))) {
        // Of a request that was given up before.
        if (answer.sequence !== sequence) continue;
        if ((answer.flags & Nlm.DUMP_INTR) !== 0) interrupted = true;
        if (answer.type === NLMSG_ERROR || answer.type === NLMSG_DONE) {
          return { messages, failure: failureOf(answer, what), interrupted };
        }
        messages.push(answer);
      }
    }
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The failure that an NLMSG_ERROR or NLMSG_DONE carries, with the kernel's explanation. */
function failureOf(answer: Message, what: string): SyscallFailure | undefined {
  if (answer.type === NLMSG_DONE && answer.body.length < 4) return undefined;
  const errno = -fixedPart(answer, 4).readInt32LE();
  if (errno === 0) return undefined;
  const hasText = (answer.flags & NLM_F_ACK_TLVS) !== 0;
  // With NETLINK_CAP_ACK only the header of our message is repeated.
  const offset = answer.type === NLMSG_ERROR ? 4 + NLMSG_HEADER : 4;
  const hint = hasText ? new Attributes(answer.body, offset).string(NLMSGERR_ATTR_MSG) : undefined;
  return { call: "netlink", errno, what, hint };
}
