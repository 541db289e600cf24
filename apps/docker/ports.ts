// SPDX-License-Identifier: Apache-2.0
// Ports that containers want published (docker run -p), and who has them already.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { ipFamily, tryParseIp } from "../../src/core/index.ts";
import { RequestError } from "./errors.ts";
import { checkRequest } from "./protocol.ts";

/** IANA numbers. */
export const protocols = { tcp: 6, udp: 17, sctp: 132 } as const;

export const publishedPort = z.strictObject({
  protocol: z.enum(["tcp", "udp", "sctp"]),
  /** The container's. */
  port: z.number(),
  hostPort: z.number(),
  /** Of the node; without it any. 0.0.0.0 and :: stand for all of their family. */
  hostIp: z.string().optional(),
});

export type PublishedPort = z.infer<typeof publishedPort>;

const portNumber = z.number().int().min(0).max(65535);
/** libnetwork's types.PortBinding. */
const portMap = z.array(
  z.object({
    Proto: z.number(),
    Port: portNumber.min(1),
    HostIP: z.string().max(64).default(""),
    HostPort: portNumber.default(0),
    HostPortEnd: portNumber.default(0),
  }),
);

/** What a container asks for: the first port of each range that `isFree`. Throws RequestError for what cannot be had. */
export function choosePorts(option: unknown, isFree: (port: PublishedPort) => boolean): PublishedPort[] {
  const chosen: PublishedPort[] = [];
  for (const { Proto, Port, HostIP, HostPort, HostPortEnd } of checkRequest(portMap, option ?? [], "port map")) {
    const protocol = nameOf(Proto);
    if (HostPort === 0) {
      throw new RequestError(
        `Cannot publish port ${Port}/${protocol}: the engine could not show which port was chosen (give it: -p PORT:${Port})`,
      );
    }
    const wanted: PublishedPort[] = [];
    for (let hostPort = HostPort; hostPort <= Math.max(HostPort, HostPortEnd); hostPort++) {
      wanted.push({ protocol, port: Port, hostPort, ...hostIpOf(HostIP) });
    }
    const free = wanted.find((port) => isFree(port) && !chosen.some((other) => collide(port, other)));
    if (free === undefined) {
      const range = wanted.length === 1 ? `${HostPort}` : `${HostPort} to ${HostPortEnd}`;
      throw new RequestError(`Cannot publish port ${range}/${protocol}: a container or a program of the node has it`);
    }
    chosen.push(free);
  }
  return chosen;
}

function nameOf(number: number): PublishedPort["protocol"] {
  for (const name of ["tcp", "udp", "sctp"] as const) if (protocols[name] === number) return name;
  throw new RequestError(`Cannot publish a port of protocol ${number}: expected TCP, UDP or SCTP`);
}

function hostIpOf(text: string): { readonly hostIp?: string } {
  if (text === "") return {};
  const hostIp = tryParseIp(text);
  if (hostIp === undefined) throw new RequestError(`Cannot publish at "${text}": not an address`);
  if (hostIp === "::1")
    throw new RequestError('Cannot publish at "::1": no container can answer to it (use 127.0.0.1)');
  return { hostIp };
}

/** Families in which a port is published. */
export function familiesOf({ hostIp }: PublishedPort): readonly (4 | 6)[] {
  return hostIp === undefined ? [4, 6] : [ipFamily(hostIp)];
}

/** Whether a port is at all addresses of its families. */
export function isEverywhere({ hostIp }: PublishedPort): boolean {
  return hostIp === undefined || hostIp === "0.0.0.0" || hostIp === "::";
}

/** Whether two cannot be published both. */
export function collide(a: PublishedPort, b: PublishedPort): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  if (!familiesOf(a).some((family) => familiesOf(b).includes(family))) return false;
  return isEverywhere(a) || isEverywhere(b) || a.hostIp === b.hostIp;
}

const tcpListen = "0A";

/** Ports on which programs of this network namespace listen, as if published; SCTP's are not told. */
export function listeningPorts(): PublishedPort[] {
  const files = [
    { protocol: "tcp", file: "tcp", all: "0.0.0.0" },
    { protocol: "tcp", file: "tcp6", all: "::" },
    { protocol: "udp", file: "udp", all: "0.0.0.0" },
    { protocol: "udp", file: "udp6", all: "::" },
  ] as const;
  return files.flatMap(({ protocol, file, all }) => {
    return socketLines(file).flatMap((line) => {
      const [, local = "", remote = "", state] = line.trim().split(/\s+/);
      // A UDP socket that is connected takes nothing else.
      const listens = protocol === "tcp" ? state === tcpListen : /^0+:0+$/.test(remote);
      const [address = "", port = ""] = local.split(":");
      // One at a single address is only in the way of that; which one does not matter much: better refuse.
      return listens ? [{ protocol, port: 0, hostPort: Number.parseInt(port, 16), ...hostIpFrom(address, all) }] : [];
    });
  });
}

/** None where the kernel was told to be without a family (ipv6.disable=1). */
function socketLines(file: string): readonly string[] {
  try {
    return readFileSync(`/proc/self/net/${file}`, "utf8").split("\n").slice(1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** One at all addresses of IPv6 mostly has IPv4's too. */
function hostIpFrom(hex: string, all: "0.0.0.0" | "::"): { readonly hostIp?: string } {
  if (/^0+$/.test(hex)) return all === "::" ? {} : { hostIp: all };
  return { hostIp: addressFromHex(hex) };
}

/** /proc/net prints the words of an address as the machine has them. */
function addressFromHex(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  const text =
    bytes.length === 4
      ? bytes.join(".")
      : Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(":");
  return tryParseIp(text) ?? text;
}
