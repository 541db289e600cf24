// SPDX-License-Identifier: Apache-2.0
// Nodes as they stand in the key-value store, in Cilium's JSON; what comes from there is not trusted.
import { z } from "zod";
import {
  checkJson,
  checkKubernetesLabel,
  formatCidr,
  ipToBytes,
  oneLine,
  toError,
  tryParseCidr,
  tryParseIp,
} from "../core/index.ts";
import { isHostAddress } from "./trust.ts";
import { type NodeAddress, type NodeRow, nodeKey } from "./types.ts";

/** Prefix of the nodes' keys. */
export const nodesPrefix = "cilium/state/nodes/v1/";

/** Longest value that is looked at, in characters. */
const maxValueLength = 512 * 1024;

/** The key of a node. */
export function nodeKvKey(node: Pick<NodeRow, "cluster" | "name">): string {
  return nodesPrefix + nodeKey(node);
}

/** A Go net.IPNet as JSON has it, or a plain prefix. */
const wireCidr = z.union([z.string(), z.looseObject({ IP: z.string(), Mask: z.string().max(64) })]).nullish();

/** Names of nodes and clusters: the key is made of them, so they have no slashes and nothing that steers a terminal. */
const wireName = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "not a name (letters, digits, -, _ and .)");

/** Shortest pod prefix that is believed, by family: a wider one would take over half of the Internet. */
const shortestPodPrefix = { 4: 8, 6: 16 } as const;

const wireNode = z.looseObject({
  Name: wireName,
  Cluster: wireName,
  IPAddresses: z
    .array(z.looseObject({ Type: z.string(), IP: z.string() }))
    .max(64)
    .nullish(),
  IPv4AllocCIDR: wireCidr,
  IPv6AllocCIDR: wireCidr,
  IPv4HealthIP: z.string().nullish(),
  IPv6HealthIP: z.string().nullish(),
  ClusterID: z.int().min(0).max(511).nullish(),
  EncryptionKey: z.int().min(0).max(255).nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
  BootID: z.string().max(64).nullish(),
});

/** The outcome of reading a value: a row, or why not. */
export type ParsedNode = { readonly row: NodeRow } | { readonly reason: string };

/** Reads a node of another. Never throws. */
export function parseNode(key: string, value: string): ParsedNode {
  const parsed = checkJson(wireNode, value, maxValueLength);
  return parsed.ok ? fromWire(key, parsed.value) : { reason: `${parsed.where || "value"}: ${parsed.problem}` };
}

/** The value for a node of our own. */
export function formatNode(row: NodeRow): string {
  return JSON.stringify({
    Name: row.name,
    Cluster: row.cluster,
    IPAddresses: row.addresses.map(({ type, ip }) => ({ Type: type, IP: ip })),
    IPv4AllocCIDR: goCidr(row.ipv4PodCidr),
    IPv4SecondaryAllocCIDRs: null,
    IPv6AllocCIDR: goCidr(row.ipv6PodCidr),
    IPv6SecondaryAllocCIDRs: null,
    IPv4HealthIP: row.ipv4HealthIp ?? "",
    IPv6HealthIP: row.ipv6HealthIp ?? "",
    IPv4IngressIP: "",
    IPv6IngressIP: "",
    ClusterID: row.clusterId,
    Source: row.source,
    EncryptionKey: row.encryptionKey,
    Labels: row.labels,
    Annotations: null,
    WireguardPubKey: "",
    BootID: row.bootId,
  });
}

function fromWire(key: string, wire: z.infer<typeof wireNode>): ParsedNode {
  if (key !== nodeKvKey({ cluster: wire.Cluster, name: wire.Name })) {
    return { reason: `key does not belong to node "${wire.Cluster}/${wire.Name}"` };
  }
  const addresses: NodeAddress[] = [];
  for (const { Type, IP } of wire.IPAddresses ?? []) {
    const ip = tryParseIp(IP);
    if (ip === undefined) return { reason: `IPAddresses: "${oneLine(IP, 64)}" is not an address` };
    const type = addressType(Type);
    if (type === undefined) continue;
    if (!isHostAddress(ip)) return { reason: `IPAddresses: "${ip}" is not an address of a host` };
    addresses.push({ type, ip });
  }
  const optional: { -readonly [K in keyof NodeRow]?: NodeRow[K] } = {};
  for (const [field, name, family] of cidrFields) {
    const cidr = readCidr(wire[field]);
    if (cidr === undefined) continue;
    if (cidr === "invalid" || cidr.includes(":") !== (family === 6))
      return { reason: `${field}: not an IPv${family} prefix` };
    if (Number(cidr.slice(cidr.indexOf("/") + 1)) < shortestPodPrefix[family]) {
      return { reason: `${field}: ${cidr} is wider than /${shortestPodPrefix[family]}` };
    }
    optional[name] = cidr;
  }
  const badLabel = problemWithLabels(wire.Labels ?? {});
  if (badLabel !== undefined) return { reason: badLabel };
  for (const [field, name] of ipFields) {
    const text = wire[field];
    if (text === undefined || text === null || text === "") continue;
    const ip = tryParseIp(text);
    if (ip === undefined || !isHostAddress(ip)) return { reason: `${field}: not an address of a host` };
    optional[name] = ip;
  }
  return {
    row: {
      name: wire.Name,
      cluster: wire.Cluster,
      clusterId: wire.ClusterID ?? 0,
      addresses,
      encryptionKey: wire.EncryptionKey ?? 0,
      labels: wire.Labels ?? {},
      source: "kvstore",
      bootId: wire.BootID ?? "",
      ...optional,
    },
  };
}

const cidrFields = [
  ["IPv4AllocCIDR", "ipv4PodCidr", 4],
  ["IPv6AllocCIDR", "ipv6PodCidr", 6],
] as const;

const ipFields = [
  ["IPv4HealthIP", "ipv4HealthIp"],
  ["IPv6HealthIP", "ipv6HealthIp"],
] as const;

/** Labels come into identities, and from there onto terminals. */
function problemWithLabels(labels: Readonly<Record<string, string>>): string | undefined {
  try {
    for (const [key, value] of Object.entries(labels)) checkKubernetesLabel(key, value);
    return undefined;
  } catch (error) {
    return `Labels: ${oneLine(toError(error).message, 200)}`;
  }
}

function addressType(type: string): NodeAddress["type"] | undefined {
  return type === "InternalIP" || type === "ExternalIP" || type === "CiliumInternalIP" ? type : undefined;
}

/** Canonical prefix; undefined when there is none. */
function readCidr(wire: z.infer<typeof wireCidr>): string | "invalid" | undefined {
  if (wire === undefined || wire === null || wire === "") return undefined;
  const text = typeof wire === "string" ? wire : fromGoCidr(wire.IP, wire.Mask);
  const cidr = text === undefined ? undefined : tryParseCidr(text);
  return cidr === undefined ? "invalid" : formatCidr(cidr);
}

function fromGoCidr(ip: string, mask: string): string | undefined {
  const bits = maskBits(Buffer.from(mask, "base64"));
  return bits === undefined ? undefined : `${ip}/${bits}`;
}

/** Length of a prefix mask; undefined when ones follow zeros, or it is no mask. */
export function maskBits(mask: Uint8Array): number | undefined {
  if (mask.length !== 4 && mask.length !== 16) return undefined;
  const bits = Array.from(mask, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(bits) ? bits.lastIndexOf("1") + 1 : undefined;
}

/** The mask of a prefix length, base64, as Go writes it. */
export function goMask(bits: number, family: 4 | 6): string {
  const mask = Buffer.alloc(family === 4 ? 4 : 16);
  for (let bit = 0; bit < bits; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return mask.toString("base64");
}

function goCidr(prefix: string | undefined): { IP: string; Mask: string } | null {
  const cidr = prefix === undefined ? undefined : tryParseCidr(prefix);
  if (cidr === undefined) return null;
  const family = ipToBytes(cidr.ip).length === 4 ? 4 : 6;
  return { IP: cidr.ip, Mask: goMask(cidr.bits, family) };
}
