// SPDX-License-Identifier: Apache-2.0
// fromEndpoints and toEndpoints: peers by label.
import { scopePeer } from "../scope.ts";
import { parseSelector } from "../selector.ts";
import type { PeerKind } from "./types.ts";

export const endpoints = {
  field: { ingress: "fromEndpoints", egress: "toEndpoints" },
  deniable: true,
  parse: (node, scope) => node.items().map((item) => scopePeer(parseSelector(item), scope)),
} satisfies PeerKind;
