// SPDX-License-Identifier: Apache-2.0
// Devices of ipvlan pods, looked for where they are: in the pods' namespaces.
import { existsSync } from "node:fs";
import { type Link, openNetns, Rtnetlink } from "../../kernel/index.ts";

/** Where a pod's device is. */
export interface SlavePlace {
  readonly netnsPath: string;
  /** Inside of the pod. */
  readonly interfaceName: string;
}

/** ifindex of the master, in the host's namespace; undefined when there is no such device any more. */
export function slaveMaster(place: SlavePlace): number | undefined {
  return withSlave(place, (_, { peerIfindex }) => peerIfindex);
}

/** Removes the device; false when there was none. */
export function removeSlave(place: SlavePlace): boolean {
  return withSlave(place, (rtnl, { ifindex }) => rtnl.deleteLink(ifindex)) ?? false;
}

function withSlave<T>({ netnsPath, interfaceName }: SlavePlace, action: (rtnl: Rtnetlink, link: Link) => T) {
  if (!existsSync(netnsPath)) return undefined;
  try {
    using netns = openNetns(netnsPath);
    using rtnl = new Rtnetlink({ netns });
    const link = rtnl.link(interfaceName);
    return link?.kind === "ipvlan" ? action(rtnl, link) : undefined;
  } catch (error) {
    if (isNoNamespace(error)) return undefined;
    throw error;
  }
}

/** A plain file is left where the namespace was mounted; a process may have gone meanwhile. */
function isNoNamespace(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EINVAL" || code === "ENOENT" || code === "ENOTDIR";
}
