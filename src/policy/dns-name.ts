// SPDX-License-Identifier: Apache-2.0
// DNS names in one form, however they are written.

/** Lower case, without the dot of the root at the end; also for patterns. */
export function canonicalDnsName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
