// SPDX-License-Identifier: Apache-2.0
// Routing rules: RTM_*RULE. Only rules that look into a table, or go to a later rule, are made and told.
import { type Family, ipFromBytes, ipToBytes, parseCidr } from "../address.ts";
import { Errno } from "../errno.ts";
import { Attributes, fixedPart, type Message, MessageBuilder, Nlm } from "./codec.ts";
import { familyNumber, familyOf } from "./family.ts";
import type { NetlinkSocket } from "./socket.ts";

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
const RTM_GETRULE = 34;
const RULE_SIZE = 12;
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_PROTOCOL = 21;
const FRA_DPORT_RANGE = 24;
const FR_ACT_TO_TBL = 1;
const FR_ACT_GOTO = 2;

export interface Rule {
  readonly family: Family;
  readonly priority: number;
  /** 0 with `goto`. */
  readonly table: number;
  /** Priority of the rule to go on with, instead of a table. */
  readonly goto?: number | undefined;
  readonly mark?: number | undefined;
  readonly mask?: number | undefined;
  /** Prefixes. */
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  readonly inputInterface?: string | undefined;
  readonly outputInterface?: string | undefined;
  /** First and last, of those who know it when they ask: the kernel's sockets. */
  readonly destinationPorts?: readonly [first: number, last: number] | undefined;
  /** RTPROT_*: who made it. */
  readonly protocol?: number | undefined;
}

/** Undefined for other actions than a look into a table. */
export function parseRule(message: Message): Rule | undefined {
  const header = fixedPart(message, RULE_SIZE);
  const family = familyOf(header.readUInt8(0));
  const action = header.readUInt8(7);
  if (family === undefined || (action !== FR_ACT_TO_TBL && action !== FR_ACT_GOTO)) return undefined;
  const attributes = new Attributes(message.body, RULE_SIZE);
  const prefix = (type: number, bits: number) => {
    const bytes = attributes.bytes(type);
    return bytes === undefined ? undefined : `${ipFromBytes(bytes)}/${bits}`;
  };
  const ports = attributes.bytes(FRA_DPORT_RANGE);
  return {
    family,
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    table: attributes.u32(FRA_TABLE) ?? header.readUInt8(4),
    mark: attributes.u32(FRA_FWMARK),
    mask: attributes.u32(FRA_FWMASK),
    source: prefix(FRA_SRC, header.readUInt8(2)),
    destination: prefix(FRA_DST, header.readUInt8(1)),
    inputInterface: attributes.string(FRA_IIFNAME),
    outputInterface: attributes.string(FRA_OIFNAME),
    ...(action === FR_ACT_GOTO && { goto: attributes.u32(FRA_GOTO) }),
    ...(ports?.length === 4 && { destinationPorts: [ports.readUInt16LE(0), ports.readUInt16LE(2)] as const }),
    protocol: attributes.u8(FRA_PROTOCOL),
  };
}

export function listRules(socket: NetlinkSocket, family?: Family): Rule[] {
  const make = () =>
    new MessageBuilder(RTM_GETRULE, Nlm.REQUEST | Nlm.DUMP).header(RULE_SIZE, (header) =>
      header.writeUInt8(familyNumber(family), 0),
    );
  const messages = socket.dump(make, "Cannot list rules");
  return messages.map(parseRule).filter((rule) => rule !== undefined);
}

/** False when the same rule was there already. */
export function addRule(socket: NetlinkSocket, rule: Rule): boolean {
  const message = ruleMessage(RTM_NEWRULE, Nlm.CREATE | Nlm.EXCL, rule);
  return socket.tryRequest(message, `Cannot add rule ${rule.priority}`, [Errno.EEXIST]);
}

/** False when there was none. */
export function deleteRule(socket: NetlinkSocket, rule: Rule): boolean {
  return socket.tryRequest(ruleMessage(RTM_DELRULE, 0, rule), `Cannot delete rule ${rule.priority}`, [Errno.ENOENT]);
}

function ruleMessage(type: number, flags: number, rule: Rule): MessageBuilder {
  const source = rule.source === undefined ? undefined : parseCidr(rule.source);
  const destination = rule.destination === undefined ? undefined : parseCidr(rule.destination);
  const message = new MessageBuilder(type, Nlm.REQUEST | Nlm.ACK | flags).header(RULE_SIZE, (header) => {
    header.writeUInt8(familyNumber(rule.family), 0);
    header.writeUInt8(destination?.bits ?? 0, 1);
    header.writeUInt8(source?.bits ?? 0, 2);
    header.writeUInt8(rule.table < 256 ? rule.table : 0, 4);
    header.writeUInt8(rule.goto === undefined ? FR_ACT_TO_TBL : FR_ACT_GOTO, 7);
  });
  message.u32(FRA_PRIORITY, rule.priority).u32(FRA_TABLE, rule.table);
  if (rule.goto !== undefined) message.u32(FRA_GOTO, rule.goto);
  if (destination !== undefined) message.bytes(FRA_DST, ipToBytes(destination.ip));
  if (source !== undefined) message.bytes(FRA_SRC, ipToBytes(source.ip));
  if (rule.mark !== undefined) message.u32(FRA_FWMARK, rule.mark);
  if (rule.mask !== undefined) message.u32(FRA_FWMASK, rule.mask);
  if (rule.inputInterface !== undefined) message.string(FRA_IIFNAME, rule.inputInterface);
  if (rule.outputInterface !== undefined) message.string(FRA_OIFNAME, rule.outputInterface);
  if (rule.destinationPorts !== undefined) message.bytes(FRA_DPORT_RANGE, portRange(rule.destinationPorts));
  if (rule.protocol !== undefined) message.u8(FRA_PROTOCOL, rule.protocol);
  return message;
}

/** struct fib_rule_port_range. */
function portRange([first, last]: readonly [number, number]): Uint8Array {
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, first, true);
  view.setUint16(2, last, true);
  return bytes;
}
