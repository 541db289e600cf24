// SPDX-License-Identifier: Apache-2.0
// Addresses as they stand in the key-value store, in Cilium's JSON; what comes from there is not trusted.
import { z } from "zod";
import { checkJson, formatCidr, hostCidr, tryParseCidr, tryParseIp } from "../core/index.ts";
import { Identity } from "../identity/index.ts";
import { isHostAddress, maskBits } from "../node/index.ts";
import type { IpcacheEntry, IpcacheMetadata, PodPort } from "./types.ts";

/** Prefix of the addresses' keys. */
export const ipPrefix = "cilium/state/ip/v1/default/";

/** Longest value that is looked at, in characters. */
const maxValueLength = 64 * 1024;

/** Shortest prefix that is believed, by family. */
const shortestPrefix = { 4: 8, 6: 16 } as const;

/** Reserved identities that endpoints and nodes have; the others are no node's to give away. */
const announcedReserved: readonly number[] = [
  ...[Identity.host, Identity.health, Identity.init, Identity.remoteNode, Identity.ingress],
];
const firstFreeIdentity = 100;

/** Protocols of named ports, by their names on the wire. */
const portProtocols: ReadonlyMap<string, number> = new Map([
  ["TCP", 6],
  ["UDP", 17],
  ["SCTP", 132],
]);

const wirePort = z.looseObject({
  Name: z.string().min(1).max(63),
  Port: z.int().min(1).max(65535),
  Protocol: z.string().max(8).nullish(),
});

const wirePair = z.looseObject({
  IP: z.string().max(64),
  Mask: z.string().max(64).nullish(),
  HostIP: z.string().max(64).nullish(),
  ID: z.int().min(1).max(0xffffff),
  Key: z.int().min(0).max(255).nullish(),
  K8sNamespace: z.string().max(253).nullish(),
  K8sPodName: z.string().max(253).nullish(),
  NamedPorts: z.array(wirePort).max(256).nullish(),
});

/** What an announcement says; the tunnel is decided by its reader. */
export interface AnnouncedAddress {
  readonly prefix: string;
  readonly identity: number;
  readonly hostIp?: string;
  readonly encryptKey: number;
  readonly metadata?: IpcacheMetadata;
  readonly namedPorts?: readonly PodPort[];
}

/** The outcome of reading a value. */
export type ParsedAddress = { readonly address: AnnouncedAddress } | { readonly reason: string };

/** The key of an address or prefix. */
export function ipKvKey(prefix: string): string {
  const whole = prefix.endsWith(prefix.includes(":") ? "/128" : "/32");
  return ipPrefix + (whole ? prefix.slice(0, prefix.indexOf("/")) : prefix);
}

/** Canonical prefix that a key names; undefined when it names none. */
export function prefixOfKey(key: string): string | undefined {
  const text = key.slice(ipPrefix.length);
  if (text.length > 64) return undefined;
  if (text.includes("/")) {
    const cidr = tryParseCidr(text);
    return cidr === undefined ? undefined : formatCidr(cidr);
  }
  const ip = tryParseIp(text);
  return ip === undefined ? undefined : hostCidr(ip);
}

/** Reads an announcement of another. Never throws. */
export function parseAddress(key: string, value: string): ParsedAddress {
  const parsed = checkJson(wirePair, value, maxValueLength);
  return parsed.ok ? fromWire(key, parsed.value) : { reason: `${parsed.where || "value"}: ${parsed.problem}` };
}

/** The value for an address of a local endpoint. */
export function formatAddress(address: AnnouncedAddress): string {
  const { metadata, namedPorts } = address;
  return JSON.stringify({
    IP: address.prefix.slice(0, address.prefix.indexOf("/")),
    Mask: null,
    HostIP: address.hostIp ?? "",
    ID: address.identity,
    Key: address.encryptKey,
    Metadata: "",
    ...(metadata === undefined ? {} : { K8sNamespace: metadata.namespace, K8sPodName: metadata.name }),
    ...(namedPorts === undefined ? {} : { NamedPorts: namedPorts.map(toWirePort) }),
  });
}

function fromWire(key: string, wire: z.infer<typeof wirePair>): ParsedAddress {
  const prefix = readPrefix(wire.IP, wire.Mask ?? "");
  if (prefix === undefined) return { reason: "IP: not an address" };
  if (prefix !== prefixOfKey(key)) return { reason: `key does not belong to "${prefix}"` };
  const shortest = shortestPrefix[prefix.includes(":") ? 6 : 4];
  if (Number(prefix.slice(prefix.indexOf("/") + 1)) < shortest)
    return { reason: `IP: ${prefix} is wider than /${shortest}` };
  if (wire.ID < firstFreeIdentity && !announcedReserved.includes(wire.ID)) {
    return { reason: `ID: ${wire.ID} is reserved and no node's to announce` };
  }
  const hostIp = readHostIp(wire.HostIP ?? "");
  if (hostIp === "invalid") return { reason: "HostIP: not an address of a host" };
  const metadata = { namespace: wire.K8sNamespace ?? "", name: wire.K8sPodName ?? "" };
  const namedPorts = (wire.NamedPorts ?? []).flatMap(readPort);
  return {
    address: {
      prefix,
      // The host of another node is not the host here.
      identity: wire.ID === Identity.host ? Identity.remoteNode : wire.ID,
      encryptKey: wire.Key ?? 0,
      ...(hostIp === undefined ? {} : { hostIp }),
      ...(metadata.name === "" ? {} : { metadata }),
      ...(namedPorts.length === 0 ? {} : { namedPorts }),
    },
  };
}

function toWirePort({ name, port, protocol }: PodPort) {
  const [text = "TCP"] = [...portProtocols].find(([, number]) => number === protocol) ?? [];
  return { Name: name, Port: port, Protocol: text };
}

/** Ports of other protocols are nobody's to select. */
function readPort({ Name, Port, Protocol }: z.infer<typeof wirePort>): readonly PodPort[] {
  const protocol = portProtocols.get((Protocol ?? "TCP").toUpperCase());
  return protocol === undefined ? [] : [{ name: Name.toLowerCase(), protocol, port: Port }];
}

function readPrefix(ip: string, mask: string): string | undefined {
  const address = tryParseIp(ip);
  if (address === undefined) return undefined;
  if (mask === "") return hostCidr(address);
  const bits = maskBits(Buffer.from(mask, "base64"));
  const cidr = bits === undefined ? undefined : tryParseCidr(`${address}/${bits}`);
  return cidr === undefined ? undefined : formatCidr(cidr);
}

function readHostIp(text: string): string | "invalid" | undefined {
  if (text === "") return undefined;
  const ip = tryParseIp(text);
  return ip !== undefined && isHostAddress(ip) ? ip : "invalid";
}

/** An announced address as an entry: pods of other nodes lie behind the tunnel to their node. */
export function toEntry(address: AnnouncedAddress, tunnel: boolean, ownIps: ReadonlySet<string>): IpcacheEntry {
  const { hostIp } = address;
  const behindTunnel = tunnel && hostIp !== undefined && !ownIps.has(hostIp);
  return {
    ...address,
    ...(behindTunnel ? { tunnelEndpoint: hostIp } : {}),
    skipTunnel: false,
    remoteCluster: false,
    source: "kvstore",
  };
}
