// SPDX-License-Identifier: Apache-2.0
// The address calls of the REST API.
import { type AgentApi, ApiError, type NodeAddressing } from "../../../src/api/index.ts";
import type { ReadonlyTable } from "../../../src/core/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import { type Allocation, defaultPoolName, type Ipam } from "../../../src/ipam/index.ts";
import { withStatus } from "./with-status.ts";

export interface IpamApiDeps {
  readonly ipam: Ipam;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly hostAddressing: NodeAddressing;
  /** Called for each address that is given out or back. */
  readonly observe?: (action: "allocate" | "release", address: string) => void;
}

export function createIpamCalls(
  deps: IpamApiDeps,
): Pick<AgentApi, "ipamAllocate" | "ipamAllocateAddress" | "ipamRelease"> {
  const { ipam } = deps;
  const answer = (allocation: Allocation) => {
    const gateway = ipam.router(allocation.family);
    return {
      ip: allocation.ip,
      ...(gateway === undefined ? {} : { gateway }),
      ...(allocation.expirationUuid === undefined ? {} : { "expiration-uuid": allocation.expirationUuid }),
    };
  };
  return {
    ipamAllocate({ family, owner, pool, expiration }) {
      checkPool(pool);
      const { ipv4, ipv6 } = withStatus(() => ipam.allocate(owner, family ?? "all", { expiration }), 502);
      for (const allocation of [ipv4, ipv6]) if (allocation !== undefined) deps.observe?.("allocate", allocation.ip);
      return {
        address: {
          ...(ipv4 && { ipv4: ipv4.ip, "ipv4-pool-name": ipv4.pool }),
          ...(ipv6 && { ipv6: ipv6.ip, "ipv6-pool-name": ipv6.pool }),
        },
        ...(ipv4 && { ipv4: answer(ipv4) }),
        ...(ipv6 && { ipv6: answer(ipv6) }),
        "host-addressing": deps.hostAddressing,
      };
    },
    ipamAllocateAddress(address, owner, pool) {
      checkPool(pool);
      withStatus(() => ipam.allocateIp(address, owner));
      deps.observe?.("allocate", address);
    },
    ipamRelease(address, pool) {
      checkPool(pool);
      withStatus(() => ipam.checkFamily(address));
      const endpoint = deps.endpoints.by("address", address)[0];
      if (endpoint !== undefined) {
        throw new ApiError(
          400,
          `Cannot release address "${address}": endpoint ${endpoint.id} uses it (delete the endpoint)`,
        );
      }
      if (!ipam.release(address)) throw new ApiError(404, `Cannot release address "${address}": it is not allocated`);
      deps.observe?.("release", address);
    },
  };
}

/** Empty: the default. Throws ApiError 400 for another. */
function checkPool(pool: string): void {
  if (pool === "" || pool === defaultPoolName) return;
  throw new ApiError(400, `Cannot find pool "${pool}": there is none of that name (only "${defaultPoolName}")`);
}
