// SPDX-License-Identifier: Apache-2.0
// icmps: types by number or name. Names and numbers are Cilium's (IANA's in one word).
import { IpProtocol, maxPort } from "../protocols.ts";
import type { PortMatch, PortRule } from "../types.ts";
import type { DocumentNode } from "./node.ts";
import { parsePortText } from "./port-text.ts";

const maxFields = 40;
const families = ["IPv4", "IPv6"];
const lists = ["ingress", "ingressDeny", "egress", "egressDeny"];

const ipv4Types: Readonly<Record<string, number>> = {
  EchoReply: 0,
  DestinationUnreachable: 3,
  Redirect: 5,
  Echo: 8,
  EchoRequest: 8,
  RouterAdvertisement: 9,
  RouterSelection: 10,
  TimeExceeded: 11,
  ParameterProblem: 12,
  Timestamp: 13,
  TimestampReply: 14,
  Photuris: 40,
  ExtendedEchoRequest: 42,
  ExtendedEchoReply: 43,
};

const ipv6Types: Readonly<Record<string, number>> = {
  DestinationUnreachable: 1,
  PacketTooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  EchoRequest: 128,
  EchoReply: 129,
  MulticastListenerQuery: 130,
  MulticastListenerReport: 131,
  MulticastListenerDone: 132,
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighborSolicitation: 135,
  NeighborAdvertisement: 136,
  RedirectMessage: 137,
  RouterRenumbering: 138,
  ICMPNodeInformationQuery: 139,
  ICMPNodeInformationResponse: 140,
  InverseNeighborDiscoverySolicitation: 141,
  InverseNeighborDiscoveryAdvertisement: 142,
  HomeAgentAddressDiscoveryRequest: 144,
  HomeAgentAddressDiscoveryReply: 145,
  MobilePrefixSolicitation: 146,
  MobilePrefixAdvertisement: 147,
  DuplicateAddressRequestCodeSuffix: 157,
  DuplicateAddressConfirmationCodeSuffix: 158,
  ExtendedEchoRequest: 160,
  ExtendedEchoReply: 161,
};

/** Refuses bad types anywhere in a spec; what has another shape than expected is left to the other checks. */
export function checkIcmpTypes(spec: DocumentNode): void {
  for (const list of lists) {
    for (const rule of itemsOf(spec.field(list))) {
      for (const item of itemsOf(rule.field("icmps"))) {
        for (const field of itemsOf(item.field("fields"))) parseType(field);
      }
    }
  }
}

/** Reads one `icmps` item; `section` names it in verdicts. */
export function parseIcmpRule(node: DocumentNode, section: string): PortRule {
  node.checkFields(["fields"]);
  const fields = node.field("fields");
  const items = fields.optionalItems();
  if (items.length > maxFields) {
    const problem = `${fields.pathText} has ${items.length} types, expected at most ${maxFields} (use another icmps item)`;
    throw fields.failWith("too-many-icmp", problem);
  }
  return { section, ports: items.map(parseField) };
}

function parseField(node: DocumentNode): PortMatch {
  node.checkFields(["family", "type"]);
  const family = node.field("family");
  if (family.present && family.value !== "" && !families.includes(family.string("bad-icmp"))) {
    throw family.fail("bad-icmp", `one of ${families.join(", ")}`);
  }
  const type = parseType(node);
  const protocols = [family.value === "IPv6" ? IpProtocol.icmpv6 : IpProtocol.icmp];
  // As in Cilium, type 0 is every type of the family.
  return type === 0 ? { protocols, first: 0, last: maxPort } : { protocols, first: type, last: type };
}

function parseType(node: DocumentNode): number {
  const type = node.field("type");
  const known = node.field("family").value === "IPv6" ? ipv6Types : ipv4Types;
  const { value } = type;
  const number = typeof value === "string" ? (ownNumber(known, value) ?? parsePortText(value)) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= maxPort) return number;
  throw type.fail("bad-icmp", `a type 0-255, or one of ${Object.keys(known).join(", ")}`);
}

function ownNumber(numbers: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(numbers, name) ? numbers[name] : undefined;
}

function itemsOf(node: DocumentNode): readonly DocumentNode[] {
  return Array.isArray(node.value) ? node.items() : [];
}
