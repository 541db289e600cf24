// SPDX-License-Identifier: Apache-2.0
// Ports of several protocols at once.
import { maxPort, protocolName } from "../protocols.ts";

/** Ports `first` to `last` (ICMP: types) of these protocols, or with `allBut` of all others. */
export interface PortSpan {
  /** IP protocol numbers, rising. */
  readonly protocols: readonly number[];
  readonly allBut: boolean;
  readonly first: number;
  readonly last: number;
}

/** `ANY`, `ANY-BUT-TCP`, `TCP,UDP`, `80-89/TCP`. */
export function formatSpan({ protocols, allBut, first, last }: PortSpan): string {
  const list = protocols.map(protocolName).join(",");
  if (allBut) return list === "" ? "ANY" : `ANY-BUT-${list}`;
  if (first === 0 && last === maxPort) return list;
  return `${first === last ? first : `${first}-${last}`}/${list}`;
}
