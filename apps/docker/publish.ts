// SPDX-License-Identifier: Apache-2.0
// Published ports, as one nftables table that follows from the stored endpoints: it is replaced as a whole.
import { ipToBytes } from "../../src/core/index.ts";
import {
  deleteNftTable,
  hasNftTable,
  type NftExpression,
  type NftTable,
  nft,
  nftPriorities,
  replaceNftTable,
} from "../../src/kernel/index.ts";
import { allowLoopback } from "./device.ts";
import { familiesOf, isEverywhere, type PublishedPort, protocols } from "./ports.ts";

export interface PublishedEndpoint {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly published?: readonly PublishedPort[] | undefined;
}

/** Where the node's routes to containers lead. */
const podsDevice = "cilium_host";
/** How the names of pods' and containers' own devices begin. */
const podDevicePrefix = "lxc";
const loopbackDevice = 1;
const loopback6 = ipToBytes("::1");
const loopback4 = { address: Uint8Array.of(127, 0, 0, 0), mask: Uint8Array.of(255, 0, 0, 0) };
type Rule = readonly NftExpression[];

/**
 * Puts in force what these endpoints publish, and nothing else. Loopback addresses pass the agent's device only while the
 * table's guard is there. Throws SyscallError.
 */
export function publish(tableName: string, endpoints: readonly PublishedEndpoint[]): void {
  if (endpoints.some(({ published = [] }) => published.length > 0)) {
    replaceNftTable(tableOf(tableName, endpoints));
    allowLoopback(podsDevice, true);
  } else if (hasNftTable(tableName)) {
    allowLoopback(podsDevice, false);
    deleteNftTable(tableName);
  }
}

function tableOf(name: string, endpoints: readonly PublishedEndpoint[]): NftTable {
  const base = (type: "filter" | "nat", hook: "prerouting" | "output" | "postrouting", priority: number) => ({
    base: { type, hook, priority },
  });
  const toPorts: readonly Rule[] = [nft.jump("ports")];
  return {
    name,
    chains: [
      { name: "ports", rules: [...exemptions(), ...endpoints.flatMap(portRules)] },
      // Containers' devices let loopback addresses pass, for answers to who asked from one.
      { name: "guard", ...base("filter", "prerouting", nftPriorities.raw), rules: [guardRule()] },
      { name: "incoming", ...base("nat", "prerouting", nftPriorities.destinationNat), rules: toPorts },
      { name: "own", ...base("nat", "output", nftPriorities.destinationNat), rules: toPorts },
      {
        name: "sources",
        ...base("nat", "postrouting", nftPriorities.sourceNat),
        rules: [loopbackRule()],
      },
    ],
  };
}

/**
 * What pods and containers of this node send was judged as it is, for the node's own address: with another destination it
 * would reach whom their policies forbid. No container can answer to ::1, and nothing like route_localnet lets it try.
 */
function exemptions(): Rule[] {
  return [
    [...nft.fromDevicesNamed(podDevicePrefix), ...nft.goBack()],
    [...nft.family(6), ...nft.address("destination", 6, loopback6), ...nft.goBack()],
  ];
}

function portRules(endpoint: PublishedEndpoint): Rule[] {
  const { published = [] } = endpoint;
  return published.flatMap((port) =>
    familiesOf(port).flatMap((family): Rule[] => {
      const target = family === 4 ? endpoint.ipv4 : endpoint.ipv6;
      if (target === undefined) return [];
      const at =
        isEverywhere(port) || port.hostIp === undefined
          ? nft.toThisNode()
          : nft.address("destination", family, ipToBytes(port.hostIp));
      const what = [...nft.protocol(protocols[port.protocol]), ...nft.destinationPort(port.hostPort)];
      return [[...nft.family(family), ...what, ...at, ...nft.newDestination(family, ipToBytes(target), port.port)]];
    }),
  );
}

/** Nobody reaches this node's loopback addresses from elsewhere. */
function guardRule(): Rule {
  const { address, mask } = loopback4;
  return [
    ...nft.notFromDevice(loopbackDevice),
    ...nft.family(4),
    ...nft.address("destination", 4, address, mask),
    ...nft.drop(),
  ];
}

/** A container cannot answer to 127.0.0.1. */
function loopbackRule(): Rule {
  const { address, mask } = loopback4;
  return [
    ...nft.family(4),
    ...nft.address("source", 4, address, mask),
    ...nft.hasNewDestination(),
    ...nft.masquerade(),
  ];
}
