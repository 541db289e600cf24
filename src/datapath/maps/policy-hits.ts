// SPDX-License-Identifier: Apache-2.0
// cilium_policystats: an array of counters, a slot a rule.
import { decodePolicyHits, POLICY_HITS_SIZE } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import type { PolicyHitsMap, PolicyHitsRow } from "./types.ts";

const LIST_BATCH = 8192;
const unused = new Uint8Array(POLICY_HITS_SIZE);

/** Rows over cilium_policystats. */
export function createPolicyHitsMap(map: BpfMap): PolicyHitsMap {
  return {
    list() {
      const rows: PolicyHitsRow[] = [];
      for (const [, value] of map.entries({ batchSize: LIST_BATCH })) {
        // Nearly all of the slots are unused.
        if (Buffer.compare(value, unused) === 0) continue;
        const { cookie, ...counts } = decodePolicyHits(value);
        rows.push({ cookie, ...counts });
      }
      return rows;
    },
  };
}
