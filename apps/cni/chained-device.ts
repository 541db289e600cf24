// SPDX-License-Identifier: Apache-2.0
// A container's device that another plugin made: both ends of its veth pair, and its addresses.
import { compareIp } from "../../src/core/index.ts";
import type { Link } from "../../src/kernel/index.ts";
import { CniError, cniCodes } from "./errors.ts";
import type { Namespaces } from "./pod-network.ts";
import type { ExpectedInterface } from "./result.ts";
import { oneOfEachFamily } from "./runtime-config.ts";

export interface ChainedDevice {
  /** Inside the container. */
  readonly pod: Link;
  readonly host: Link;
  /** At most one of each family. */
  readonly ips: readonly string[];
}

/** Throws CniError 104 when the device is not as the plugin before said, 7 for one that we cannot work on. */
export function findChainedDevice(
  { host, pod }: Namespaces,
  interfaceName: string,
  said: ExpectedInterface,
): ChainedDevice {
  const inside = pod.link(interfaceName);
  if (inside === undefined) {
    throw new CniError(cniCodes.networkNotAsExpected, `Cannot ADD: the container has no device "${interfaceName}"`);
  }
  if (inside.kind !== "veth" || inside.peerIfindex === undefined) {
    throw unfit(interfaceName, `it is a ${inside.kind ?? "physical"} device, and chaining needs a veth pair`);
  }
  const outside = host.link(inside.peerIfindex);
  // The index may be of another namespace, where another device has it.
  if (outside?.kind !== "veth" || outside.peerIfindex !== inside.ifindex) {
    throw unfit(interfaceName, "the other end of its veth pair is not in the host's namespace");
  }
  const present = pod.addresses({ ifindex: inside.ifindex }).filter(({ scope }) => scope === "universe");
  for (const ip of said.addresses) {
    if (!present.some(({ address }) => compareIp(address, ip) === 0)) {
      throw new CniError(
        cniCodes.networkNotAsExpected,
        `Cannot ADD "${interfaceName}": it does not have address ${ip}`,
      );
    }
  }
  const ips = said.addresses.length > 0 ? said.addresses : present.map(({ address }) => address);
  if (ips.length === 0) throw unfit(interfaceName, "it has no address");
  return { pod: inside, host: outside, ips: oneOfEachFamily(ips) };
}

function unfit(interfaceName: string, reason: string): CniError {
  return new CniError(cniCodes.invalidConfig, `Cannot ADD "${interfaceName}" of another plugin: ${reason}`);
}
