// SPDX-License-Identifier: Apache-2.0
// An endpoint's slot in cilium_endpoints, from its row and the policy that it has. Pure.
import type { EndpointConfigRow } from "../datapath/index.ts";
import type { EndpointDefaults } from "./agent-switch.ts";
import { optionSlot } from "./options.ts";
import type { DeviceTraits, EndpointRow, RealizedPolicy } from "./types.ts";

export function endpointSlot(
  row: EndpointRow,
  policy: RealizedPolicy,
  policyRevision: number,
  agent: EndpointDefaults,
): EndpointConfigRow {
  return {
    id: row.id,
    mac: row.mac,
    nodeMac: row.nodeMac,
    ifindex: row.ifindex,
    ...(row.ipv4 === undefined ? {} : { ipv4: row.ipv4 }),
    ...(row.ipv6 === undefined ? {} : { ipv6: row.ipv6 }),
    identity: row.identity ?? 0,
    ingressSet: policy.ingressSet,
    egressSet: policy.egressSet,
    policyRevision,
    enforceIngress: policy.ingressEnforced,
    enforceEgress: policy.egressEnforced,
    ready: true,
    ...optionSlot(row, agent),
    ...(row.traits !== undefined && slotTraits(row.traits)),
  };
}

function slotTraits({ neighborsPass, byStack, parentIfindex, ipvlan }: DeviceTraits): Partial<EndpointConfigRow> {
  return {
    ...(neighborsPass && { neighborsPass }),
    ...(byStack && { byStack }),
    ...(ipvlan && { ipvlan }),
    ...(parentIfindex > 0 && { parentIfindex }),
  };
}
