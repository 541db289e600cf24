// SPDX-License-Identifier: Apache-2.0
// A world whose device masquerades: its maps written, and read again.
import {
  decodeNat4Key,
  decodeNat6Key,
  decodeNatEntry,
  EndpointInfoFlags,
  encodeMasqueradeDevice,
  encodeNatEntry,
  type NatEntry,
} from "../../src/abi/index.ts";
import { ip16, ipFrom16, ipFromBytes, ipToBytes, parseCidr } from "../../src/core/index.ts";
import { type Addresses, LOOPBACK, u32le, type World } from "./world.ts";

/** One direction of a masqueraded flow. */
export interface Translation extends NatEntry {
  readonly family: 4 | 6;
  readonly key: Uint8Array;
  /** 0: what leaves, 1: answers. */
  readonly direction: number;
  readonly source: string;
  readonly sourcePort: number;
}

/** The address that the device of the test runs gives. */
export const node = { ipv4: "172.31.240.1", ipv6: "fd00:31:240::1" } as const;

/** Makes the device of the test runs give the node's addresses; two prefixes are excluded, and nothing is counted yet. */
export function masqueraded(world: World): void {
  giveAddresses(world, node);
  for (const prefix of ["203.0.113.0/24", "2001:db8:113::/48"]) exclude(world, prefix);
  for (const family of [4, 6]) {
    const tries = world.map(`cilium_snat_v${family}_alloc_retries`);
    for (const [slot, counts] of tries.entries()) tries.update(slot, new Uint8Array(counts.length));
  }
}

/** What leaves by a device, that of the test runs if no other is named, gets these addresses. */
export function giveAddresses(world: World, { ipv4, ipv6 }: Addresses, ifindex: number = LOOPBACK): void {
  const device = encodeMasqueradeDevice({ ipv4: ip16(ipv4), ipv6: ip16(ipv6) });
  world.map("cilium_masquerade").update(u32le(ifindex), device);
  for (const address of [ipv4, ipv6]) world.lxc(address, { endpointId: 0, flags: EndpointInfoFlags.ENDPOINT_F_HOST });
}

/** No device gives addresses any more. */
export function stopMasquerading(world: World): void {
  world.map("cilium_masquerade").clear();
}

function exclude(world: World, cidr: string): void {
  const { ip, bits, family } = parseCidr(cidr);
  const key = Buffer.concat([u32le(bits), ipToBytes(ip)]);
  world.map(`cilium_ipmasq_v${family}`).update(key, Uint8Array.of(1));
}

const mapOf = (world: World, family: 4 | 6) => world.map(`cilium_snat_v${family}_external`);

/** Entries of masqueraded flows. */
export function translations(world: World): Translation[] {
  return ([4, 6] as const).flatMap((family) =>
    [...mapOf(world, family).entries()].map(([key, value]) => {
      const { direction, sourcePort } = family === 4 ? decodeNat4Key(key) : decodeNat6Key(key);
      const source = ipFromBytes(key.subarray(0, family === 4 ? 4 : 16));
      return { ...decodeNatEntry(value), family, key, direction, source, sourcePort };
    }),
  );
}

/** The port that a flow has outside. */
export function translatedPort(world: World, source: string, port: number): number | undefined {
  return translations(world).find((row) => row.direction === 0 && row.source === source && row.sourcePort === port)
    ?.port;
}

/** Loses entries, as a full table does. */
export function forgetTranslations(world: World, which: (row: Translation) => boolean): void {
  for (const row of translations(world).filter(which)) mapOf(world, row.family).delete(row.key);
}

/** Lets entries name another endpoint as the one whose flow it is. */
export function ownTranslations(world: World, endpoint: number): void {
  for (const row of translations(world)) mapOf(world, row.family).update(row.key, encodeNatEntry({ ...row, endpoint }));
}

/** Gives a flow that has an entry for either direction another port outside. */
export function movePort(world: World, source: string, port: number, to: number): void {
  for (const row of translations(world)) {
    const map = mapOf(world, row.family);
    if (row.direction === 0 && row.source === source && row.sourcePort === port) {
      map.update(row.key, encodeNatEntry({ ...row, port: to }));
    } else if (row.direction === 1 && row.port === port && ipFrom16(row.address, row.family) === source) {
      map.delete(row.key);
      new DataView(row.key.buffer, row.key.byteOffset).setUint16(row.family === 4 ? 10 : 34, to);
      map.update(row.key, encodeNatEntry(row));
    }
  }
}

/** Lets all flows have ended long ago. */
export function expireTranslations(world: World): void {
  for (const row of translations(world)) {
    mapOf(world, row.family).update(row.key, encodeNatEntry({ ...row, expires: 1 }));
  }
}

/** How many flows found a port after how many that were taken. */
export function natTries(world: World, family: 4 | 6): number[] {
  return [...world.map(`cilium_snat_v${family}_alloc_retries`).entries()].map(([, value]) => {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    let sum = 0;
    for (let at = 0; at < value.byteLength; at += 8) sum += view.getUint32(at, true);
    return sum;
  });
}
