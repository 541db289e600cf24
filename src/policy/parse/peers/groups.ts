// SPDX-License-Identifier: Apache-2.0
// fromGroups and toGroups: groups of a cloud provider, which nobody resolves here.
import type { PeerKind } from "./types.ts";

export const groups = {
  field: { ingress: "fromGroups", egress: "toGroups" },
  deniable: true,
  emptySaysNothing: true,
  parse: (node) => {
    const problem = `Field "${node.pathText}" is not supported: groups of cloud providers are not looked up (use a CiliumCIDRGroup)`;
    throw node.failWith("not-supported", problem);
  },
} satisfies PeerKind;
