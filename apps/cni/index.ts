// SPDX-License-Identifier: Apache-2.0
// The plugin's door for the agent, which runs it for bin/cilium-cni, and for tests.

export { type Invocation, type Outcome, runPlugin } from "./plugin.ts";
export { createPodNetwork, Namespaces } from "./pod-network.ts";
export type { PodAddress } from "./result.ts";
export { type CniServer, cniSocketPath, createCniServer, pluginOf } from "./server.ts";
