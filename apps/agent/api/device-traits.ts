// SPDX-License-Identifier: Apache-2.0
// What a request says about the endpoint's device: who made it, and who routes its packets.
import { ApiError, type EndpointChangeRequest } from "../../../src/api/index.ts";
import type { CreateEndpoint } from "../../../src/endpoint/index.ts";

/** Property of a request with the name of the CNI network. */
const networkProperty = "cni-network";

/**
 * From `datapath-configuration`, `parent-interface-index` and `properties`; `isSlave`: whether an `interface-index` is of
 * the device whose ipvlan slaves pods have. Throws ApiError 400 for a combination
 * under which packets would go another way than the pod's neighbours say.
 */
export function deviceTraits(
  request: EndpointChangeRequest,
  isSlave: (masterIfindex: number) => boolean,
): Pick<CreateEndpoint, "traits" | "network"> {
  const config = request["datapath-configuration"] ?? {};
  const traits = {
    neighborsPass: config["require-arp-passthrough"] === true,
    byStack: config["require-routing"] === false,
    externalIpam: config["external-ipam"] === true,
    parentIfindex: request["parent-interface-index"] ?? 0,
  };
  if (traits.neighborsPass && !traits.byStack) {
    throw new ApiError(
      400,
      'Cannot create endpoint: "require-arp-passthrough" is set without "require-routing": false (set both: what the pod\'s neighbours answer has to be the way of its packets)',
    );
  }
  const slave = isSlave(request["interface-index"] ?? 0);
  const network = request.properties?.[networkProperty];
  return {
    // The stack sees what slaves send in any case.
    ...(slave && { traits: { ...traits, byStack: false, ipvlan: true as const } }),
    ...(!slave && (traits.byStack || traits.externalIpam) && { traits }),
    ...(typeof network === "string" && { network }),
  };
}
