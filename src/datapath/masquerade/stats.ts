// SPDX-License-Identifier: Apache-2.0
// Who uses the ports of masquerading: flows by destination, and by who sends. Pure.
import type { NatRow } from "../maps/nat-types.ts";

/** Flows with one outer address, destination and protocol share the ports of one range. */
export interface NatDestination {
  readonly protocol: number;
  /** The address that they have outside. */
  readonly egress: string;
  readonly destination: string;
  readonly port: number;
  readonly flows: number;
  /** Of the ports that there are, 0 to 1. */
  readonly share: number;
}

/** Flows of one pod, or of the node itself. */
export interface NatSource {
  readonly address: string;
  readonly host: boolean;
  readonly flows: number;
}

export interface NatStats {
  /** Most flows first. */
  readonly destinations: readonly NatDestination[];
  readonly sources: readonly NatSource[];
}

/** Ports of bpf/lib/config.h: nat_port_min to nat_port_max. */
const PORTS = 65_536 - 32_768;

/** Counts entries for answers, of which each flow has one; the first `top` of each kind. `now`: seconds, of rows' clock. */
export function natStats(rows: Iterable<NatRow>, now: number, top = Number.POSITIVE_INFINITY): NatStats {
  const destinations = new Map<string, NatDestination>();
  const sources = new Map<string, NatSource>();
  for (const row of rows) {
    if (row.direction !== "in" || row.expires <= now) continue;
    const { protocol, source: destination, sourcePort: port, destination: egress, address, host } = row;
    const key = `${protocol} ${egress} ${destination} ${port}`;
    const flows = (destinations.get(key)?.flows ?? 0) + 1;
    destinations.set(key, { protocol, egress, destination, port, flows, share: flows / PORTS });
    sources.set(address, { address, host, flows: (sources.get(address)?.flows ?? 0) + 1 });
  }
  return { destinations: first(destinations, top), sources: first(sources, top) };
}

function first<Row extends { readonly flows: number }>(rows: ReadonlyMap<string, Row>, top: number): Row[] {
  return [...rows]
    .toSorted(([a, x], [b, y]) => y.flows - x.flows || (a < b ? -1 : 1))
    .slice(0, top)
    .map(([, row]) => row);
}
