// SPDX-License-Identifier: Apache-2.0
// Sizes of the maps: the keys, and how those that follow flows scale with the machine's memory.
import { totalmem } from "node:os";
import { type Config, configTypes, defineOption } from "../../src/core/index.ts";

const { int, share } = configTypes;

/** Keys for sizes of maps, in entries. */
export const mapOptions = {
  mapDynamicSizeRatio: defineOption({
    name: "bpf-map-dynamic-size-ratio",
    schema: share(),
    default: 0.0025,
    description: "Share of the machine's memory after which the maps that follow flows are sized; 0: fixed sizes",
  }),
  ctTcpMax: defineOption({
    name: "bpf-ct-global-tcp-max",
    schema: int(1024, 1 << 24),
    default: 524_288,
    description: "Entries of the TCP conntrack maps; not given: as bpf-map-dynamic-size-ratio says",
  }),
  ctAnyMax: defineOption({
    name: "bpf-ct-global-any-max",
    schema: int(1024, 1 << 24),
    default: 262_144,
    description: "Entries of the other conntrack maps; not given: as bpf-map-dynamic-size-ratio says",
  }),
  policyMapMax: defineOption({
    name: "bpf-policy-map-max",
    schema: int(256, 1 << 24),
    default: 262_144,
    description: "Entries of the policy maps, all endpoints together",
  }),
  ipcacheMax: defineOption({
    name: "bpf-ipcache-max",
    schema: int(1024, 1 << 24),
    default: 512_000,
    description: "Entries of the ipcache maps",
  }),
  natMax: defineOption({
    name: "bpf-nat-global-max",
    schema: int(1024, 1 << 24),
    default: 524_288,
    description: "Entries of the maps of masqueraded flows; not given: as bpf-map-dynamic-size-ratio says",
  }),
} as const;

/** Entries of the maps that follow flows, of each family. */
export interface FlowMapSizes {
  readonly ctTcp: number;
  readonly ctAny: number;
  readonly nat: number;
}

/** No machine is too small for these (Cilium's limits, as its maximum below). */
const smallest: FlowMapSizes = { ctTcp: 1 << 17, ctAny: 1 << 16, nat: 1 << 17 };
const largest = 1 << 24;

/**
 * What the default sizes take by Cilium's counting, in bytes: 94 a row for conntrack, NAT and sockets' translations
 * (262,144 rows of those), one family. The same share of the same memory gives the same numbers as there.
 */
const defaultBytes =
  94 * (mapOptions.ctTcpMax.default + mapOptions.ctAnyMax.default + mapOptions.natMax.default + 262_144);

/** The sizes that hold: what is configured, else the default scaled to `memory` (bytes), within limits. */
export function flowMapSizes(config: Config, memory: number = totalmem()): FlowMapSizes {
  const ratio = config.get(mapOptions.mapDynamicSizeRatio);
  const size = (option: typeof mapOptions.ctTcpMax, least: number) => {
    const given = config.get(option);
    if (ratio === 0 || config.source(option) !== "default") return given;
    return Math.min(largest, Math.max(least, Math.floor((given * memory * ratio) / defaultBytes)));
  };
  return {
    ctTcp: size(mapOptions.ctTcpMax, smallest.ctTcp),
    ctAny: size(mapOptions.ctAnyMax, smallest.ctAny),
    nat: size(mapOptions.natMax, smallest.nat),
  };
}
