// SPDX-License-Identifier: Apache-2.0
// Ways to change the world that many cases use.
import { EndpointConfigFlags, PolicyDirection, RuntimeConfigIndex } from "../../src/abi/index.ts";
import type { Pod, PolicyRow, World } from "./world.ts";

type Rule = Partial<Omit<PolicyRow, "set" | "direction">>;
type Change = (world: World) => void;

/** Enforces ingress of the pod with these entries (identity 0: anybody). */
export function ingress(pod: Pod, ...rules: readonly Rule[]): Change {
  return (world) => {
    world.endpoint(pod, { flags: EndpointConfigFlags.ENDPOINT_ENFORCE_INGRESS });
    addRules(world, pod.ingressSet, PolicyDirection.DIRECTION_INGRESS, rules);
  };
}

/** Enforces egress of the pod with these entries. */
export function egress(pod: Pod, ...rules: readonly Rule[]): Change {
  return (world) => {
    world.endpoint(pod, { flags: EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS });
    addRules(world, pod.egressSet, PolicyDirection.DIRECTION_EGRESS, rules);
  };
}

function addRules(world: World, set: number, direction: number, rules: readonly Rule[]): void {
  for (const rule of rules) world.policy({ set, direction, identity: 0, ...rule });
}

/** Removes all entries and says so, as user space does. */
export function revoke(pod: Pod, revision = 2): Change {
  return (world) => {
    world.clearPolicies();
    const enforce = EndpointConfigFlags.ENDPOINT_ENFORCE_INGRESS | EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS;
    world.endpoint(pod, { flags: enforce, policyRevision: revision });
  };
}

/** Moves the ipcache's revision. */
export function ipcacheMoved(world: World, revision = 2): void {
  world.runtime(RuntimeConfigIndex.RUNTIME_IPCACHE_REVISION, revision);
}

/** Several changes as one. */
export function all(...changes: readonly Change[]): Change {
  return (world) => {
    for (const change of changes) change(world);
  };
}

/** Lets every flow be over. */
export function expire(world: World): void {
  world.changeFlows({ expires: 1 });
}
