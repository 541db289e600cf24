// SPDX-License-Identifier: Apache-2.0
// Layers of a packet as Cilium's monitor writes them: its names and order of fields, of those that were captured.
import { type Ip, icmpName, type Packet, protocolName, type Transport } from "../../../src/datapath/index.ts";

/** One layer: `TCP` and `{SrcPort=… …}`. */
export interface LayerText {
  readonly layer: "Ethernet" | "ARP" | "IPv4" | "IPv6" | "TCP" | "UDP" | "SCTP" | "ICMPv4" | "ICMPv6";
  readonly fields: string;
}

type Fields = readonly (readonly [name: string, value: string | number | boolean])[];

const etherTypes: Readonly<Record<number, string>> = { 2048: "IPv4", 2054: "ARP", 34525: "IPv6" };

/** From the outside in; layers of which nothing is known are left out. */
export function layersOf({ ethernet, arp, ip, transport }: Packet): LayerText[] {
  const layers: LayerText[] = [];
  const add = (layer: LayerText["layer"], fields: Fields) =>
    layers.push({ layer, fields: `{${fields.map(([name, value]) => `${name}=${value}`).join(" ")}}` });
  if (ethernet !== undefined) {
    const { source, destination, etherType } = ethernet;
    const name = etherTypes[etherType] ?? `0x${etherType.toString(16)}`;
    add("Ethernet", [...pair("MAC", source, destination), ["EthernetType", name]]);
  }
  if (arp !== undefined) {
    add("ARP", [
      ["Operation", arp.operation],
      ["SourceHwAddress", arp.senderMac],
      ["SourceProtAddress", arp.senderIp],
      ["DstHwAddress", arp.targetMac],
      ["DstProtAddress", arp.targetIp],
    ]);
  }
  if (ip !== undefined) add(ip.version === 4 ? "IPv4" : "IPv6", ipFields(ip));
  if (transport !== undefined && transport.kind !== "other") add(layerName(transport), transportFields(transport));
  return layers;
}

function pair(what: "MAC" | "IP" | "Port", source: string | number, destination: string | number): Fields {
  return [
    [`Src${what}`, source],
    [`Dst${what}`, destination],
  ];
}

function ipFields(ip: Ip): Fields {
  const protocol = ip.protocol === 1 ? "ICMPv4" : protocolName(ip.protocol);
  const addresses = pair("IP", ip.source, ip.destination);
  if (ip.version === 6) {
    return [
      ["Version", 6],
      ["TrafficClass", ip.trafficClass],
      ["FlowLabel", ip.flowLabel],
      ["Length", ip.length],
      ["NextHeader", protocol],
      ["HopLimit", ip.hopLimit],
      ...addresses,
    ];
  }
  const flags = [ip.dontFragment ? "DF" : "", ip.moreFragments ? "MF" : ""].filter((flag) => flag !== "").join("|");
  return [
    ["Version", 4],
    ["TOS", ip.tos],
    ["Length", ip.length],
    ["Id", ip.id],
    ["Flags", flags],
    ["FragOffset", ip.fragmentOffset / 8],
    ["TTL", ip.ttl],
    ["Protocol", protocol],
    ...addresses,
  ];
}

type KnownTransport = Exclude<Transport, { kind: "other" }>;

function layerName({ kind }: KnownTransport): LayerText["layer"] {
  return ({ tcp: "TCP", udp: "UDP", sctp: "SCTP", icmp4: "ICMPv4", icmp6: "ICMPv6" } as const)[kind];
}

function transportFields(transport: KnownTransport): Fields {
  if ("type" in transport) {
    const { type, code, id, sequence = 0 } = transport;
    const echo: Fields = [["Id", id ?? 0] as const, ["Seq", sequence] as const];
    return [["TypeCode", icmpName(transport.kind === "icmp4" ? 4 : 6, type, code)], ...(id === undefined ? [] : echo)];
  }
  const ports = pair("Port", transport.sourcePort, transport.destinationPort);
  if (transport.kind === "udp") return [...ports, ["Length", transport.length]];
  if (transport.kind === "sctp") return [...ports, ["VerificationTag", transport.verificationTag]];
  return [
    ...ports,
    ["Seq", transport.sequence],
    ["Ack", transport.acknowledgment],
    ...(["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"] as const).map(
      (flag) => [flag.toUpperCase(), transport.flags[flag]] as const,
    ),
    ["Window", transport.window],
  ];
}
