// SPDX-License-Identifier: Apache-2.0
// Ethernet addresses.

import { randomFillSync } from "node:crypto";
import { FormatError } from "./errors.ts";

/** Two digits of each byte. */
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** The canonical form (lower case, colons) of `aa:bb:cc:dd:ee:ff`. */
export function parseMac(text: string): string {
  const mac = text.toLowerCase();
  if (!MAC.test(mac)) throw new FormatError(`Cannot parse MAC "${text}": aa:bb:cc:dd:ee:ff expected`);
  return mac;
}

/** The six bytes of a MAC. */
export function macToBytes(mac: string): Uint8Array<ArrayBuffer> {
  const text = parseMac(mac);
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) bytes[i] = Number.parseInt(text.slice(3 * i, 3 * i + 2), 16);
  return bytes;
}

/** The canonical string of six bytes. */
export function macFromBytes(bytes: Uint8Array): string {
  if (bytes.length !== 6) throw new FormatError(`Cannot read MAC: ${bytes.length} bytes (6 expected)`);
  let text = "";
  for (const byte of bytes) text += `${text === "" ? "" : ":"}${hex[byte] ?? ""}`;
  return text;
}

/** A random unicast MAC with the locally-administered bit. `fill` is the source of randomness. */
export function randomMac(fill: (bytes: Uint8Array) => void = randomFillSync): string {
  const bytes = new Uint8Array(6);
  fill(bytes);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return macFromBytes(bytes);
}
