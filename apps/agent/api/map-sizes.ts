// SPDX-License-Identifier: Apache-2.0
// The maps' sizes in the words of `cilium status --verbose`.
import type { StatusResponse } from "../../../src/api/index.ts";
import type { Config } from "../../../src/core/index.ts";
import { hostEndpointId } from "../../../src/endpoint/index.ts";
import { flowMapSizes } from "../map-options.ts";
import { options } from "../options.ts";

/** As the agent was started. */
export function mapSizes(config: Config): NonNullable<StatusResponse["bpf-maps"]> {
  const flowMaps = flowMapSizes(config);
  return {
    "dynamic-size-ratio": config.get(options.mapDynamicSizeRatio),
    maps: [
      { name: "Non-TCP connection tracking", size: flowMaps.ctAny },
      { name: "TCP connection tracking", size: flowMaps.ctTcp },
      { name: "Endpoints", size: hostEndpointId },
      { name: "IP cache", size: config.get(options.ipcacheMax) },
      { name: "NAT", size: flowMaps.nat },
      { name: "Endpoint policy", size: config.get(options.policyMapMax) },
    ],
  };
}
