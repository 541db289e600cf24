// SPDX-License-Identifier: Apache-2.0
// The plugin's door: for the agent, which runs it for bin/cilium-cni, for the Docker plug-in, and for tests.

export { agentPatience, whenAgentAnswers } from "./agent.ts";
export { attachmentRef, hostInterfaceName } from "./attachment.ts";
export { deleteAttachment } from "./delete-attachment.ts";
export { type Invocation, type Outcome, runPlugin } from "./plugin.ts";
export { createPodNetwork, Namespaces } from "./pod-network.ts";
export type { PodAddress } from "./result.ts";
export { type CniServer, cniSocketPath, createCniServer, pluginOf } from "./server.ts";
