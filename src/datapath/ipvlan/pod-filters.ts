// SPDX-License-Identifier: Apache-2.0
// In the namespaces of ipvlan pods: a filter on the pod's device that lets nothing out in another's name.
import { ipFamily, ipToBytes } from "../../core/index.ts";
import { openNetns, Rtnetlink } from "../../kernel/index.ts";
import { DatapathError, datapathError } from "../errors.ts";
import type { NodePrograms } from "../loader/programs.ts";
import type { EndpointDevice } from "../types.ts";

const PROGRAM = "cil_from_pod";
const HOOK = "egress";

type Slave = NonNullable<EndpointDevice["slave"]>;

/** Filters of this run's endpoints. They stay when it ends, and go with their devices. */
export class PodFilters {
  readonly #programs: Pick<NodePrograms, "loadPod">;
  /** Programs that this run put there, by endpoint. */
  readonly #known = new Map<number, number>();

  constructor(programs: Pick<NodePrograms, "loadPod">) {
    this.#programs = programs;
  }

  /** True when the filter that this run made is in place, else makes it, in place of one of an earlier run. */
  ensure(id: number, slave: Slave): boolean {
    try {
      return this.#ensure(id, slave);
    } catch (error) {
      throw datapathError(`Cannot put a filter on "${slave.interfaceName}" in ${slave.netnsPath}`, error);
    }
  }

  forget(id: number): void {
    this.#known.delete(id);
  }

  #ensure(id: number, { netnsPath, interfaceName, addresses }: Slave): boolean {
    using netns = openNetns(netnsPath);
    using rtnl = new Rtnetlink({ netns });
    const link = rtnl.link(interfaceName);
    if (link?.kind !== "ipvlan") throw new DatapathError(`there is no ipvlan device of that name`);
    const key = { ifindex: link.ifindex, hook: HOOK, handle: id } as const;
    const present = rtnl.clsactFilters(link.ifindex, HOOK).find(({ handle }) => handle === id);
    if (present !== undefined && present.programId === this.#known.get(id)) return true;
    using object = this.#programs.loadPod(id, ownAddresses(addresses));
    const program = object.program(PROGRAM);
    rtnl.addClsact(link.ifindex);
    rtnl.attachClsact({ ...key, program, name: PROGRAM });
    this.#known.set(id, program.id);
    return false;
  }
}

function ownAddresses(addresses: readonly string[]): { ipv4: Uint8Array; ipv6: Uint8Array } {
  const of = (family: 4 | 6) => addresses.find((address) => ipFamily(address) === family);
  const [ipv4, ipv6] = [of(4), of(6)];
  return {
    ipv4: ipv4 === undefined ? new Uint8Array(4) : ipToBytes(ipv4),
    ipv6: ipv6 === undefined ? new Uint8Array(16) : ipToBytes(ipv6),
  };
}
