// SPDX-License-Identifier: Apache-2.0
// What the proxy of some traffic lets pass, from all rules that allow the traffic.
import type { L7Request } from "../resolve/l7.ts";
import type { L7Redirect } from "../types.ts";
import type { Match } from "./allow.ts";

/** The redirect of traffic that these rules allow, through the proxy that `deciding` asks for. */
export function redirectOf(deciding: L7Request, matches: readonly Match[], defaultDeny: boolean): L7Redirect {
  const { parser } = deciding;
  const asking = matches.filter(({ rule }) => rule.l7?.parser === parser);
  const serverNames = parser === "tls" ? namesOf(asking) : [];
  const relevant = parser === "dns" ? onPortsOf(asking, matches) : matches;
  const rules =
    parser === "tls" ? [] : distinct(relevant.flatMap(({ rule }) => (rule.l7?.parser === parser ? rule.l7.rules : [])));
  const allowAll =
    !defaultDeny ||
    rules.some(allowsEverything) ||
    (parser === "dns" ? relevant.some(isPlain) : letsAllPass(parser, asking, matches)) ||
    (rules.length === 0 && serverNames.length === 0 && deciding.listener === undefined);
  const shown = allowAll ? { rules: [], serverNames: [] } : { rules, serverNames };
  const { listener } = deciding;
  const redirect = { parser, allowAll, ...shown, ...(listener === undefined ? {} : { listener }) };
  return { ...redirect, text: JSON.stringify(redirect) };
}

/** DNS rules are widened by rules with the same `ports` item alone. */
function onPortsOf(asking: readonly Match[], matches: readonly Match[]): readonly Match[] {
  const items = new Set(asking.map(({ port }) => port.item));
  return matches.filter(({ port }) => items.has(port.item));
}

/** Whether a rule without proxy lets pass what the others restrict. For server names not where rules are merged. */
function letsAllPass(parser: string, asking: readonly Match[], matches: readonly Match[]): boolean {
  const merged = new Set(asking.flatMap(mergeKeys));
  for (const match of matches) {
    if (isPlain(match) && (parser !== "tls" || mergeKeys(match).some((key) => !merged.has(key)))) return true;
    // Server names and rules on one port for one selector: the rules are then widened to all requests.
    if (parser !== "tls" && match.rule.l7?.parser === "tls" && mergeKeys(match).some((key) => merged.has(key)))
      return true;
  }
  return false;
}

function mergeKeys({ port, selectors }: Match): readonly string[] {
  return (selectors ?? ["*"]).map((selector) => `${port.item}|${selector}`);
}

function isPlain({ rule }: Match): boolean {
  return rule.l7 === undefined;
}

function allowsEverything(rule: object): boolean {
  return Object.keys(rule).length === 0 || ("matchPattern" in rule && rule.matchPattern === "*");
}

function namesOf(asking: readonly Match[]): string[] {
  return [...new Set(asking.flatMap(({ rule }) => rule.l7?.serverNames ?? []))].sort();
}

function distinct(rules: readonly object[]): object[] {
  const byText = new Map(rules.map((rule) => [canonical(rule), rule]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
}

function canonical(rule: object): string {
  return JSON.stringify(Object.entries(rule).sort(([a], [b]) => (a < b ? -1 : 1)));
}
