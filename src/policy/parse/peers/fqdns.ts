// SPDX-License-Identifier: Apache-2.0
// toFQDNs: addresses that DNS answered for a name.
import { nameSelector } from "../../selectors/address-selector.ts";
import { parseNameCondition } from "../dns.ts";
import type { PeerKind } from "./types.ts";

export const fqdns = {
  field: { egress: "toFQDNs" },
  deniable: false,
  emptySaysNothing: true,
  parse: (node) => node.items().map((item) => nameSelector(parseNameCondition(item))),
} satisfies PeerKind;
