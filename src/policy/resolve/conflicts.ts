// SPDX-License-Identifier: Apache-2.0
// Rules that Cilium cannot merge: different proxies or authentication for one peer selector on one port.
import type { PortMatch } from "../types.ts";
import type { ResolvedRule } from "./units.ts";

/** What the rules so far ask for one selector on one port. */
interface Merged {
  readonly deny: boolean;
  readonly parser: string;
  readonly priority: number;
  readonly listener: string;
  readonly serverNames: boolean;
  readonly rules: boolean;
  readonly terminatesTls: boolean;
  readonly authentication: string | undefined;
  /** Who asked last. */
  readonly from: ResolvedRule;
}

/**
 * Why rules in force cannot be merged, in words; undefined when they can. The order of rules matters, as in Cilium: a
 * deny that comes first hides what follows, and server names before HTTP rules do no harm.
 */
export function findConflict(rules: readonly ResolvedRule[]): string | undefined {
  const real = rules.filter(({ stage, tier }) => stage !== "staged" && tier === "normal");
  if (!real.some(({ l7, authentication }) => l7 !== undefined || authentication !== undefined)) return undefined;
  const merged = new Map<string, Merged>();
  for (const rule of real) {
    const asked = askedBy(rule);
    for (const key of keysOf(rule)) {
      const before = merged.get(key);
      const after = before === undefined ? asked : merge(before, asked);
      if (typeof after === "string") return describe(after, before?.from ?? rule, rule);
      merged.set(key, after);
    }
  }
  return undefined;
}

function askedBy(rule: ResolvedRule): Merged {
  const { l7 } = rule;
  return {
    deny: rule.action === "deny",
    parser: l7?.parser ?? "",
    priority: l7?.priority ?? 0,
    listener:
      l7?.listener === undefined ? "" : `${l7.listener.config.kind}/${l7.listener.config.name}/${l7.listener.name}`,
    serverNames: (l7?.serverNames.length ?? 0) > 0,
    rules: (l7?.rules.length ?? 0) > 0,
    terminatesTls: l7?.terminatesTls ?? false,
    authentication: rule.authentication,
    from: rule,
  };
}

function* keysOf({ peers, ports }: ResolvedRule): Iterable<string> {
  const selectors = peers?.map(({ text }) => text) ?? ["*"];
  for (const port of portKeys(ports)) for (const selector of selectors) yield `${port}|${selector}`;
}

function* portKeys(ports: readonly PortMatch[] | undefined): Iterable<string> {
  if (ports === undefined) yield "";
  for (const { protocols, first, last, name } of ports ?? []) {
    for (const protocol of protocols) yield `${protocol}/${first}-${last}/${name ?? ""}`;
  }
}

/** Both together, or what contradicts. */
function merge(a: Merged, b: Merged): Merged | string {
  if (a.deny) return a;
  if (b.deny) return b;
  const parser = mergeParsers(a.parser, b.parser);
  if (parser === undefined) return `${a.parser} and ${b.parser}`;
  if (a.listener !== "" && b.listener !== "" && a.listener !== b.listener && a.priority === b.priority) {
    return `listeners ${a.listener} and ${b.listener}`;
  }
  const authentication = a.authentication ?? b.authentication;
  if (b.authentication !== undefined && b.authentication !== authentication) {
    return `authentication ${a.authentication} and ${b.authentication}`;
  }
  const serverNames = a.serverNames || b.serverNames;
  const terminatesTls = a.terminatesTls || b.terminatesTls;
  if (serverNames && a.rules && !terminatesTls) {
    return `${a.parser} rules and server names`;
  }
  const first = a.listener === "" || (b.listener !== "" && b.priority < a.priority) ? b : a;
  const { listener, priority } = first;
  return {
    deny: false,
    parser,
    priority,
    listener,
    serverNames,
    rules: a.rules || b.rules,
    terminatesTls,
    authentication,
    from: b.from,
  };
}

function mergeParsers(a: string, b: string): string | undefined {
  if (a === b || promotes(b, a)) return a;
  return promotes(a, b) ? b : undefined;
}

function promotes(from: string, to: string): boolean {
  return from === "" || (from === "tls" && to !== "" && to !== "dns" && to !== "crd");
}

function describe(what: string, a: ResolvedRule, b: ResolvedRule): string {
  const name = ({ origin }: ResolvedRule) => `${origin.policy} ${origin.section}`;
  return `Cannot merge rules for one peer and port: ${what} (in ${name(a)} and ${name(b)})`;
}
