// SPDX-License-Identifier: Apache-2.0
// What a redirect lets pass, and its answers to the probes of a case.
import type { DnsRule, HttpRule, L7Redirect } from "../types.ts";
import { matchesDnsName } from "./dns-pattern.ts";
import { matchesHttp } from "./http-match.ts";
import type { L7Answer, PolicyCase } from "./types.ts";

/** Describes the redirect; probes are answered where the case has them for the parser. */
export function l7Answer(redirect: L7Redirect, probes: Pick<PolicyCase, "httpRequests" | "dnsQueries">): L7Answer {
  const { parser, allowAll, rules, serverNames } = redirect;
  return {
    parser,
    ...(allowAll ? { allowAll } : parser === "tls" ? { serverNames } : { rules }),
    ...answers(redirect, probes),
  };
}

function answers(
  { parser, allowAll, rules }: L7Redirect,
  { httpRequests, dnsQueries }: Pick<PolicyCase, "httpRequests" | "dnsQueries">,
): Pick<L7Answer, "http" | "dns"> {
  if (parser === "http" && httpRequests !== undefined) {
    const passes = (rule: object) => rule as HttpRule;
    return {
      http: httpRequests.map((request) => allowAll || rules.some((rule) => matchesHttp(passes(rule), request))),
    };
  }
  if (parser === "dns" && dnsQueries !== undefined) {
    const asDns = (rule: object) => rule as DnsRule;
    return { dns: dnsQueries.map((name) => allowAll || rules.some((rule) => matchesDnsName(asDns(rule), name))) };
  }
  return {};
}
