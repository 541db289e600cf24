// SPDX-License-Identifier: Apache-2.0
// How a rule is named on the screen.

/** `default/p ingress[0]`; the section alone for what no policy says, the policy alone without a section. */
export function ruleText({ policy, section }: { readonly policy: string; readonly section?: string }): string {
  return [policy, section].filter((part) => part !== undefined && part !== "").join(" ");
}
