// SPDX-License-Identifier: Apache-2.0
// The peer kinds that there are.
import { cidrSets } from "./cidr-sets.ts";
import { cidrs } from "./cidrs.ts";
import { endpoints } from "./endpoints.ts";
import { entities } from "./entities.ts";
import { fqdns } from "./fqdns.ts";
import { groups } from "./groups.ts";
import { nodes } from "./nodes.ts";
import { services } from "./services.ts";
import type { PeerKind } from "./types.ts";

export const peerKinds: readonly PeerKind[] = [endpoints, nodes, cidrs, cidrSets, entities, services, fqdns, groups];
