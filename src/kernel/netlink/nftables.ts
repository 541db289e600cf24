// SPDX-License-Identifier: Apache-2.0
// nftables: whole tables, replaced in one transaction. As much of the language as is used: see `nft`.
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import type { Netns } from "../netns.ts";
import { MessageBuilder, Nlm } from "./codec.ts";
import { NetlinkSocket } from "./socket.ts";

const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFPROTO_INET = 1;
const GENMSG_SIZE = 4;

const messages = { newTable: 0, getTable: 1, deleteTable: 2, newChain: 3, newRule: 6 } as const;
const table = { name: 1 } as const;
const chain = { table: 1, name: 3, hook: 4, type: 7, hookNumber: 1, hookPriority: 2 } as const;
const rule = { table: 1, chain: 2, expressions: 4 } as const;
const expression = { element: 1, name: 1, data: 2 } as const;
const data = { value: 1, verdict: 2, verdictCode: 1, verdictChain: 2 } as const;

/** NF_INET_*. */
const hooks = { prerouting: 0, output: 3, postrouting: 4 } as const;
/** What a chain is in turn with: lower ones come first. */
export const nftPriorities = { raw: -300, destinationNat: -100, sourceNat: 100 } as const;

/** Adds one expression's attributes to a list. */
export type NftExpression = (list: MessageBuilder) => void;

export interface NftChain {
  readonly name: string;
  /** Without it the chain is one that others jump to. */
  readonly base?: {
    readonly type: "filter" | "nat";
    readonly hook: keyof typeof hooks;
    /** One of `nftPriorities`. */
    readonly priority: number;
  };
  /** Each is a list of expressions that go on while they match. */
  readonly rules: readonly (readonly NftExpression[])[];
}

/** A table of family inet. Chains come before those that jump to them. */
export interface NftTable {
  readonly name: string;
  readonly chains: readonly NftChain[];
}

/** Puts a table in place of the one of its name, both families, all at once. Throws SyscallError. */
export function replaceNftTable(wanted: NftTable, netns?: Netns): void {
  using socket = new NetlinkSocket(NETLINK_NETFILTER, netns);
  const { name, chains } = wanted;
  const all = [
    batch(NFNL_MSG_BATCH_BEGIN),
    // Deleting what is not there would be an error.
    message(messages.newTable, Nlm.CREATE).string(table.name, name),
    message(messages.deleteTable).string(table.name, name),
    message(messages.newTable, Nlm.CREATE).string(table.name, name),
    ...chains.map((it) => newChain(name, it)),
    ...chains.flatMap((it) => it.rules.map((expressions) => newRule(name, it.name, expressions))),
    message(messages.newTable, Nlm.ACK).string(table.name, name),
    batch(NFNL_MSG_BATCH_END),
  ];
  socket.batch(all, `Cannot replace nftables table "${name}"`);
}

/** Nothing there is fine. Throws SyscallError. */
export function deleteNftTable(name: string, netns?: Netns): void {
  if (!hasNftTable(name, netns)) return;
  using socket = new NetlinkSocket(NETLINK_NETFILTER, netns);
  const all = [
    batch(NFNL_MSG_BATCH_BEGIN),
    message(messages.newTable, Nlm.CREATE).string(table.name, name),
    message(messages.deleteTable, Nlm.ACK).string(table.name, name),
    batch(NFNL_MSG_BATCH_END),
  ];
  socket.batch(all, `Cannot delete nftables table "${name}"`);
}

/** Also false on a kernel without nftables. */
export function hasNftTable(name: string, netns?: Netns): boolean {
  using socket = tryOpen(netns);
  if (socket === undefined) return false;
  const request = message(messages.getTable, Nlm.ACK).string(table.name, name);
  return socket.tryRequest(request, `Cannot find nftables table "${name}"`, [Errno.ENOENT, Errno.EINVAL]);
}

function tryOpen(netns: Netns | undefined): NetlinkSocket | undefined {
  try {
    return new NetlinkSocket(NETLINK_NETFILTER, netns);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.EPROTONOSUPPORT) return undefined;
    throw error;
  }
}

function message(type: number, flags = 0): MessageBuilder {
  const header = (bytes: Buffer): void => void bytes.writeUInt8(NFPROTO_INET, 0);
  return new MessageBuilder((NFNL_SUBSYS_NFTABLES << 8) | type, Nlm.REQUEST | flags).header(GENMSG_SIZE, header);
}

function batch(type: number): MessageBuilder {
  const header = (bytes: Buffer): void => void bytes.writeUInt16BE(NFNL_SUBSYS_NFTABLES, 2);
  return new MessageBuilder(type, Nlm.REQUEST).header(GENMSG_SIZE, header);
}

function newChain(tableName: string, { name, base }: NftChain): MessageBuilder {
  const made = message(messages.newChain, Nlm.CREATE).string(chain.table, tableName).string(chain.name, name);
  if (base === undefined) return made;
  const hook = (inner: MessageBuilder): void =>
    void inner.u32be(chain.hookNumber, hooks[base.hook]).u32be(chain.hookPriority, base.priority);
  return made.nested(chain.hook, hook).string(chain.type, base.type);
}

function newRule(tableName: string, chainName: string, expressions: readonly NftExpression[]): MessageBuilder {
  return message(messages.newRule, Nlm.CREATE | Nlm.APPEND)
    .string(rule.table, tableName)
    .string(rule.chain, chainName)
    .nested(rule.expressions, (list) => {
      for (const add of expressions) add(list);
    });
}

/** One expression of a rule by its kernel name and its attributes. */
function make(name: string, fill: (attributes: MessageBuilder) => void): NftExpression {
  return (list) =>
    void list.nested(expression.element, (element) =>
      element.string(expression.name, name).nested(expression.data, fill),
    );
}

/** Registers: the verdict, and two of 16 bytes. */
const verdict = 0;
const first = 1;
const second = 2;
const metaKeys = { inputDevice: 4, inputName: 6, family: 15, protocol: 16 } as const;
const NFT_PAYLOAD_NETWORK = 1;
const NFT_PAYLOAD_TRANSPORT = 2;
const NFT_FIB_RESULT_ADDRTYPE = 3;
const NFTA_FIB_F_DADDR = 2;
const RTN_LOCAL = 2;
const NFT_CT_STATUS = 2;
const IPS_DST_NAT = 0x20;
const NFT_NAT_DNAT = 1;
const NFT_JUMP = -3;
const NFT_RETURN = -5;
const nfProtocols = { 4: 2, 6: 10 } as const;
const addressOffsets = { source: { 4: 12, 6: 8 }, destination: { 4: 16, 6: 24 } } as const;

const host32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

const meta = (key: number): NftExpression => make("meta", (it) => it.u32be(1, first).u32be(2, key));
const payload = (base: number, offset: number, length: number): NftExpression =>
  make("payload", (it) => it.u32be(1, first).u32be(2, base).u32be(3, offset).u32be(4, length));
const compare = (bytes: Uint8Array, equal = true): NftExpression =>
  make("cmp", (it) =>
    it
      .u32be(1, first)
      .u32be(2, equal ? 0 : 1)
      .nested(3, (value) => value.bytes(data.value, bytes)),
  );
const masked = (mask: Uint8Array): NftExpression =>
  make("bitwise", (it) =>
    it
      .u32be(1, first)
      .u32be(2, first)
      .u32be(3, mask.length)
      .nested(4, (value) => value.bytes(data.value, mask))
      .nested(5, (value) => value.bytes(data.value, Buffer.alloc(mask.length))),
  );
const load = (register: number, bytes: Uint8Array): NftExpression =>
  make("immediate", (it) => it.u32be(1, register).nested(2, (value) => value.bytes(data.value, bytes)));
const decide = (code: number, chainName?: string): NftExpression =>
  make("immediate", (it) =>
    it.u32be(1, verdict).nested(2, (value) =>
      value.nested(data.verdict, (inner) => {
        inner.u32be(data.verdictCode, code);
        if (chainName !== undefined) inner.string(data.verdictChain, chainName);
      }),
    ),
  );

const bigEndian16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

/** The parts of rules: what a packet has to be, then what becomes of it. Addresses are bytes in network order. */
export const nft = {
  family: (family: 4 | 6): NftExpression[] => [meta(metaKeys.family), compare(Uint8Array.of(nfProtocols[family]))],
  /** By number: 6 is TCP. */
  protocol: (number: number): NftExpression[] => [meta(metaKeys.protocol), compare(Uint8Array.of(number))],
  destinationPort: (port: number): NftExpression[] => [
    payload(NFT_PAYLOAD_TRANSPORT, 2, 2),
    compare(bigEndian16(port)),
  ],
  /** An address of its start: the first `address.length` bytes are compared with `mask`, default whole. */
  address: (
    which: "source" | "destination",
    family: 4 | 6,
    address: Uint8Array,
    mask?: Uint8Array,
  ): NftExpression[] => [
    payload(NFT_PAYLOAD_NETWORK, addressOffsets[which][family], address.length),
    ...(mask === undefined ? [] : [masked(mask)]),
    compare(address),
  ],
  /** To an address of this node. */
  toThisNode: (): NftExpression[] => [
    make("fib", (it) => it.u32be(1, first).u32be(2, NFT_FIB_RESULT_ADDRTYPE).u32be(3, NFTA_FIB_F_DADDR)),
    compare(host32(RTN_LOCAL)),
  ],
  notFromDevice: (ifindex: number): NftExpression[] => [meta(metaKeys.inputDevice), compare(host32(ifindex), false)],
  /** From devices whose names begin so; nothing that this node sends. */
  fromDevicesNamed: (start: string): NftExpression[] => [meta(metaKeys.inputName), compare(Buffer.from(start))],
  /** Of a connection whose destination was changed. */
  hasNewDestination: (): NftExpression[] => [
    make("ct", (it) => it.u32be(1, first).u32be(2, NFT_CT_STATUS)),
    masked(host32(IPS_DST_NAT)),
    compare(host32(0), false),
  ],
  newDestination: (family: 4 | 6, address: Uint8Array, port: number): NftExpression[] => [
    load(first, address),
    load(second, bigEndian16(port)),
    make("nat", (it) => it.u32be(1, NFT_NAT_DNAT).u32be(2, nfProtocols[family]).u32be(3, first).u32be(5, second)),
  ],
  /** The source becomes the address of the device by which the packet leaves. */
  masquerade: (): NftExpression[] => [make("masq", () => {})],
  jump: (chainName: string): NftExpression[] => [decide(NFT_JUMP, chainName)],
  /** Behind the jump that led here. */
  goBack: (): NftExpression[] => [decide(NFT_RETURN)],
  drop: (): NftExpression[] => [decide(0)],
} as const;
