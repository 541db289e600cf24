// SPDX-License-Identifier: Apache-2.0
// Addresses between rows and the ABI's 16-byte form.
import { AddressFamily } from "../../abi/index.ts";
import { type Family, ip16, ipFamily, ipFrom16 } from "../../core/index.ts";

/** The ABI's number of an address's family. */
export function abiFamily(address: string): number {
  return ipFamily(address) === 4 ? AddressFamily.FAMILY_IPV4 : AddressFamily.FAMILY_IPV6;
}

/** The family of the ABI's number; IPv4 for anything that is not IPv6. */
export function familyOf(abi: number): Family {
  return abi === AddressFamily.FAMILY_IPV6 ? 6 : 4;
}

/** Bytes and family of an address. */
export function encodeAddress(address: string): { readonly address: Uint8Array; readonly family: number } {
  return { address: ip16(address), family: abiFamily(address) };
}

/** The address of 16 bytes and the ABI's family. */
export function decodeAddress(bytes: Uint8Array, family: number): string {
  return ipFrom16(bytes, familyOf(family));
}

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
