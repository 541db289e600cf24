// SPDX-License-Identifier: Apache-2.0
// How other nodes are reached: asked of the kernel once a node, and again when the network changes.
import type { NetlinkEvent, Route, Rtnetlink } from "../../kernel/index.ts";

/** So many are asked for again whenever the node is looked at whole: an event may have told less than it should. */
const AGED = 250;

/** The kernel's answers by address. */
export class Ways {
  readonly #answers = new Map<string, Route | undefined>();

  /** The route that packets to an address take; undefined: none. */
  to(rtnl: Pick<Rtnetlink, "routeTo">, address: string): Route | undefined {
    if (!this.#answers.has(address)) this.#answers.set(address, rtnl.routeTo(address));
    return this.#answers.get(address);
  }

  /** The oldest answers go. */
  age(): void {
    for (const address of [...this.#answers.keys()].slice(0, AGED)) this.#answers.delete(address);
  }

  /** Hears of each change in the kernel. `ours` tells destinations of routes that lead over nodes, and to none. */
  hear(event: NetlinkEvent, ours: (destination: string) => boolean): void {
    if (this.#answers.size > 0 && this.#changes(event, ours)) this.#answers.clear();
  }

  #changes(event: NetlinkEvent, ours: (destination: string) => boolean): boolean {
    if (event.kind === "filter" || event.kind === "neighbor") return false;
    if (event.kind === "resync" || event.kind === "rule") return true;
    if (event.kind === "link") return this.#uses(event.link.ifindex);
    // Devices of pods come with addresses and routes of their own: none leads to a node.
    if (event.kind === "address") return !isLinkLocal(event.address.address);
    const { destination } = event.route;
    if (isLinkLocal(destination) || ours(destination)) return false;
    const [address = "", length] = destination.split("/");
    return length !== (address.includes(":") ? "128" : "32") || this.#answers.has(address);
  }

  #uses(ifindex: number): boolean {
    for (const answer of this.#answers.values()) if (answer?.ifindex === ifindex) return true;
    return false;
  }
}

/** Or a multicast one. */
function isLinkLocal(address: string): boolean {
  return /^f[ef]/.test(address);
}
