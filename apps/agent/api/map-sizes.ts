// SPDX-License-Identifier: Apache-2.0
// The maps' sizes in the words of `cilium status --verbose`.
import type { StatusResponse } from "../../../src/api/index.ts";
import type { Config } from "../../../src/core/index.ts";
import { hostEndpointId } from "../../../src/endpoint/index.ts";
import { options } from "../options.ts";

/** As the agent was started; sizes follow no memory here. */
export function mapSizes(config: Config): NonNullable<StatusResponse["bpf-maps"]> {
  return {
    "dynamic-size-ratio": 0,
    maps: [
      { name: "Non-TCP connection tracking", size: config.get(options.ctAnyMax) },
      { name: "TCP connection tracking", size: config.get(options.ctTcpMax) },
      { name: "Endpoints", size: hostEndpointId },
      { name: "IP cache", size: config.get(options.ipcacheMax) },
      { name: "NAT", size: config.get(options.natMax) },
      { name: "Endpoint policy", size: config.get(options.policyMapMax) },
    ],
  };
}
