// SPDX-License-Identifier: Apache-2.0
// To which nodes something was sent, from one time of asking to the next.
import type { DatapathMaps } from "../../src/datapath/index.ts";
import { ktimeNs } from "../../src/kernel/index.ts";

/** Tells of what goes through a tunnel over IPv4; the programs keep whole seconds, so that each one is told once. */
export function createSentTo(datapath: { readonly maps: Pick<DatapathMaps, "underlay"> }): () => ReadonlySet<string> {
  const second = () => Number(ktimeNs() / 1_000_000_000n);
  let asked = second();
  return () => {
    const since = asked;
    asked = second();
    return datapath.maps.underlay.sentToSince(since);
  };
}
