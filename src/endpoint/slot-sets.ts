// SPDX-License-Identifier: Apache-2.0
// What a slot, or a policy that is in force, says of each direction.
import type { Direction, EndpointConfigRow } from "../datapath/index.ts";
import type { RealizedPolicy } from "./types.ts";

export const directions: readonly Direction[] = ["ingress", "egress"];

type Sets = Pick<RealizedPolicy, "ingressSet" | "egressSet">;
type Enforced = Pick<RealizedPolicy, "ingressEnforced" | "egressEnforced">;

/** The policy set of a direction; 0: none. */
export function setOf(sets: Sets, direction: Direction): number {
  return direction === "ingress" ? sets.ingressSet : sets.egressSet;
}

/** All policy sets, of both directions. */
export function setsOf(sets: Sets): number[] {
  return directions.map((direction) => setOf(sets, direction)).filter((set) => set !== 0);
}

/** Whether a direction is denied by default. */
export function isEnforced(by: Enforced | EndpointConfigRow, direction: Direction): boolean {
  if ("enforceIngress" in by) return direction === "ingress" ? by.enforceIngress : by.enforceEgress;
  return direction === "ingress" ? by.ingressEnforced : by.egressEnforced;
}
