// SPDX-License-Identifier: Apache-2.0
// DNS names and patterns as Cilium matches them: `*` within a label, `**.` in front for any number of labels.
import { canonicalDnsName } from "../dns-name.ts";
import type { DnsRule, NameCondition } from "../types.ts";

const character = "[-a-z0-9_]";

/** Whether a name that was asked or answered meets the condition. Case and a dot at the end do not matter. */
export function matchesDnsName(condition: DnsRule | NameCondition, name: string): boolean {
  const { matchName, matchPattern }: DnsRule = condition;
  const asked = canonicalDnsName(name);
  if (matchName !== undefined && canonicalDnsName(matchName) === asked) return true;
  return matchPattern !== undefined && (matchPattern.trim() === "*" || patternOf(matchPattern).test(asked));
}

const patterns = new Map<string, RegExp>();
const maxPatterns = 10_000;

function patternOf(matchPattern: string): RegExp {
  const known = patterns.get(matchPattern);
  if (known !== undefined) return known;
  const text = canonicalDnsName(matchPattern.trim());
  const anyDepth = text.startsWith("**.");
  const rest = (anyDepth ? text.slice(3) : text).replaceAll(".", "[.]").replace(/\*+/g, `${character}*`);
  const pattern = new RegExp(`^${anyDepth ? `${character}+([.]${character}+)*[.]` : ""}${rest}$`);
  if (patterns.size >= maxPatterns) patterns.clear();
  patterns.set(matchPattern, pattern);
  return pattern;
}
