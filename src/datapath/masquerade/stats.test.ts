// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NatRow } from "../maps/nat-types.ts";
import { natStats } from "./stats.ts";

const NOW = 1000;

/** Entries for what leaves and for the answers of a flow. */
function flow(pod: string, server: string, port: number, rest: Partial<NatRow> = {}): NatRow[] {
  const common = { family: 4, protocol: 6, created: 900, expires: 2000, host: false, ...rest } as const;
  const node = "192.0.2.1";
  return [
    {
      ...common,
      direction: "out",
      source: pod,
      sourcePort: port,
      destination: server,
      destinationPort: 80,
      address: node,
      port,
    },
    {
      ...common,
      direction: "in",
      source: server,
      sourcePort: 80,
      destination: node,
      destinationPort: port,
      address: pod,
      port,
    },
  ];
}

test("natStats() counts flows by destination and by sender, most first, and the share of the ports", () => {
  const rows = [
    ...flow("10.0.0.1", "198.51.100.1", 40_000),
    ...flow("10.0.0.2", "198.51.100.1", 40_001),
    ...flow("10.0.0.2", "198.51.100.2", 40_002),
    ...flow("192.0.2.1", "198.51.100.1", 40_003, { host: true }),
    ...flow("10.0.0.3", "198.51.100.1", 40_004, { expires: NOW }),
  ];
  const { destinations, sources } = natStats(rows, NOW);
  assert.deepEqual(destinations, [
    { protocol: 6, egress: "192.0.2.1", destination: "198.51.100.1", port: 80, flows: 3, share: 3 / 32_768 },
    { protocol: 6, egress: "192.0.2.1", destination: "198.51.100.2", port: 80, flows: 1, share: 1 / 32_768 },
  ]);
  assert.deepEqual(sources, [
    { address: "10.0.0.2", host: false, flows: 2 },
    { address: "10.0.0.1", host: false, flows: 1 },
    { address: "192.0.2.1", host: true, flows: 1 },
  ]);
  assert.equal(natStats(rows, NOW, 1).sources.length, 1);
});
