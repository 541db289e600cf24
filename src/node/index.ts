// SPDX-License-Identifier: Apache-2.0
// The only import door of src/node.

export { createNodes, type Nodes, type NodesConfig, type NodesDeps } from "./module.ts";
export { createNodeTable } from "./table.ts";
export { isHostAddress, overlapWithLocal } from "./trust.ts";
export {
  type NodeAddress,
  type NodeAddressType,
  type NodeRow,
  type NodeSource,
  nodeAddress,
  nodeKey,
  tunnelAddress,
} from "./types.ts";
export { goMask, maskBits } from "./wire.ts";
