// SPDX-License-Identifier: Apache-2.0
// The host's own slot in the world.
import { EndpointConfigFlags, encodeEndpointConfig, HOST_ENDPOINT } from "../../src/abi/index.ts";
import { u32le, type World } from "./world.ts";

/** Policy sets of the host endpoint. */
export const hostSets = { ingress: 7, egress: 8 } as const;

/** Gives the host a slot of its own, with these flags. */
export function hostEndpoint(world: World, flags: number, { policyRevision = 1, ready = true } = {}): void {
  const none = new Uint8Array(6);
  const config = {
    ...{ mac: none, nodeMac: none, ifindex: 1, ipv4: 0, ipv6: new Uint8Array(16), identity: 1 },
    ...{ ingressSet: hostSets.ingress, egressSet: hostSets.egress, policyRevision, parentIfindex: 0 },
    flags: (ready ? EndpointConfigFlags.ENDPOINT_READY : 0) | flags,
  };
  world.map("cilium_endpoints").update(u32le(HOST_ENDPOINT), encodeEndpointConfig(config));
}
