// SPDX-License-Identifier: Apache-2.0
// The shape of a peer kind: one field of an ingress or egress rule that says who the other side may be.
import type { Direction, Peer } from "../../types.ts";
import type { DocumentNode } from "../node.ts";
import type { PolicyScope } from "../scope.ts";

/** One kind of peers. Each has a file in this folder and a line in index.ts. */
export interface PeerKind {
  /** Name of the field in each direction that has it. */
  readonly field: Readonly<Partial<Record<Direction, string>>>;
  /** Whether denying rules have it too. */
  readonly deniable: boolean;
  /** As in Cilium: an empty list says as little as none, while one of the other kinds is nobody. */
  readonly emptySaysNothing?: true;
  /** Reads the field's value, a list with at least one item. Throws PolicyParseError. */
  parse(node: DocumentNode, scope: PolicyScope): readonly Peer[];
}
