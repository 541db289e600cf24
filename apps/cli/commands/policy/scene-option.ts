// SPDX-License-Identifier: Apache-2.0
// The option of commands that can look at manifests instead of an agent.

/** A repeated option. */
export const manifestsOption = [
  "-m, --manifests <file>",
  "look at pods, namespaces, nodes and policies of these files instead of asking the agent",
] as const;
