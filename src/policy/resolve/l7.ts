// SPDX-License-Identifier: Apache-2.0
// What a toPorts item asks of a proxy.
import type { L7Rules, ListenerReference, PortRule } from "../types.ts";

/** The proxy's part of a rule. */
export interface L7Request {
  /** As in L7Redirect. */
  readonly parser: string;
  /** The lower one decides where several parsers apply to the same traffic. */
  readonly priority: number;
  readonly rules: readonly object[];
  readonly serverNames: readonly string[];
  /** The proxy ends TLS, so that rules and server names can be had together. */
  readonly terminatesTls: boolean;
  readonly listener?: ListenerReference;
}

/** Cilium's order of proxies on the same traffic; listeners may have 1 to 100 instead. */
const priorities: ReadonlyMap<string, number> = new Map([
  ["http", 101],
  ["kafka", 106],
  ["tls", 116],
  ["dns", 121],
  ["crd", 126],
]);
const customPriority = 127;

/** The request of a toPorts item; undefined when its traffic needs no proxy. An empty list of rules asks for none. */
export function l7RequestOf({ l7, serverNames = [], tls, listener }: PortRule): L7Request | undefined {
  const hasTls = serverNames.length > 0 || tls?.terminating === true || tls?.originating === true;
  const parser = listener !== undefined ? "crd" : (parserOf(l7) ?? (hasTls ? "tls" : undefined));
  if (parser === undefined) return undefined;
  return {
    parser,
    priority: listener?.priority || (priorities.get(parser) ?? customPriority),
    rules: l7?.rules ?? [],
    serverNames,
    terminatesTls: tls?.terminating === true,
    ...(listener === undefined ? {} : { listener }),
  };
}

function parserOf(l7: L7Rules | undefined): string | undefined {
  if (l7 === undefined) return undefined;
  if (l7.parser === "custom") return l7.name;
  return l7.rules.length > 0 ? l7.parser : undefined;
}
