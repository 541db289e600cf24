// SPDX-License-Identifier: Apache-2.0
// Names that follow from a container and its interface.
import { createHash } from "node:crypto";

/** Host side of the veth pair: "lxc" and 12 hex digits of sha256("containerID:ifname"). */
export function hostInterfaceName(containerId: string, interfaceName: string): string {
  const digest = createHash("sha256").update(`${containerId}:${interfaceName}`).digest("hex");
  return `lxc${digest.slice(0, 12)}`;
}

/** Alternative name of the pod's device; says that this plugin made it. */
export function podAltName(interfaceName: string): string {
  return `cilium_cni:${interfaceName}`;
}

/** How the agent's API names the attachment. */
export function attachmentRef(containerId: string, interfaceName: string): string {
  return `cni-attachment-id:${containerId}:${interfaceName}`;
}
