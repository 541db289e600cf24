// SPDX-License-Identifier: Apache-2.0
// Names of sandboxes and of what belongs to them. Pure.
import { SandboxError } from "./errors.ts";

const namePattern = /^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/;

/**
 * Gives the name back if a sandbox may have it. "-pod" as a word is refused: whose a namespace is must be plain from
 * the namespace's name alone, since delete has to work without any other record.
 */
export function checkName(name: string): string {
  if (!namePattern.test(name) || /-pod(-|$)/.test(name)) {
    throw new SandboxError(
      `Cannot use sandbox name "${name}": expected 1 to 20 of a-z, 0-9 and - (not at its ends, without the word "-pod")`,
      { exitCode: 2 },
    );
  }
  return name;
}

export const underlayNetnsName = (sandbox: string): string => `cilium-${sandbox}-underlay`;
export const nodeNetnsName = (sandbox: string, node: string): string => `cilium-${sandbox}-${node}`;
/** The underscore, which neither part may hold, keeps "a-b"/"c" and "a"/"b-c" apart. */
export const podNetnsName = (sandbox: string, namespace: string, pod: string): string =>
  `cilium-${sandbox}-pod-${namespace}_${pod}`;

const netnsPattern = /^cilium-(.+?)-(?:underlay|node[0-9]+|pod-[a-z0-9-]+_[a-z0-9.-]+)$/;

/** The sandbox that a namespace belongs to; undefined for namespaces of others. */
export function sandboxOfNetns(netns: string): string | undefined {
  const name = netnsPattern.exec(netns)?.[1];
  return name !== undefined && namePattern.test(name) ? name : undefined;
}
