// SPDX-License-Identifier: Apache-2.0
// How often rules decided, in the world's maps.
import { decodePolicyHits, POLICY_HITS_SIZE, POLICY_HITS_SLOTS } from "../../src/abi/index.ts";
import { u32le, type World } from "./world.ts";

/** A rule's decisions. */
export function hitsOf(world: World, cookie: number): Record<string, number> {
  const value = world.map("cilium_policystats").lookup(u32le(cookie % POLICY_HITS_SLOTS)) ?? new Uint8Array();
  return Object.fromEntries(Object.entries(decodePolicyHits(value)).map(([name, count]) => [name, Number(count)]));
}

export function forgetHits(world: World, cookie: number): void {
  world.map("cilium_policystats").update(u32le(cookie % POLICY_HITS_SLOTS), new Uint8Array(POLICY_HITS_SIZE));
}
