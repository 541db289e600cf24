// SPDX-License-Identifier: Apache-2.0
// DNS names and patterns, in rules about questions and in toFQDNs.
import { canonicalDnsName } from "../dns-name.ts";
import type { DnsRule, NameCondition } from "../types.ts";
import type { DocumentNode } from "./node.ts";

const maxLength = 255;
const namePattern = /^[-a-zA-Z0-9_.]+$/;
const patternPattern = /^[-a-zA-Z0-9_.*]+$/;

/** Reads a rule about questions: by name, by pattern, or by either. Empty fields are left out. */
export function parseDnsRule(node: DocumentNode): DnsRule {
  node.checkFields(["matchName", "matchPattern"]);
  const matchName = parseText(node.field("matchName"), namePattern, "-, _ and .");
  const matchPattern = parseText(node.field("matchPattern"), patternPattern, "-, _, . and *");
  return { ...(matchName === "" ? {} : { matchName }), ...(matchPattern === "" ? {} : { matchPattern }) };
}

/** Reads a toFQDNs item. With neither name nor pattern it is the root's name, which no address has. */
export function parseNameCondition(node: DocumentNode): NameCondition {
  node.checkFields(["matchName", "matchPattern"]);
  const filled = ["matchName", "matchPattern"].filter((name) => (node.field(name).value ?? "") !== "");
  if (filled.length > 1) {
    throw node.failWith("fqdn-both", `${node.pathText} has matchName and matchPattern, expected one of them`);
  }
  const { matchName, matchPattern } = parseDnsRule(node);
  return matchPattern === undefined
    ? { matchName: canonicalDnsName(matchName ?? "") }
    : { matchPattern: canonicalDnsName(matchPattern) };
}

function parseText(node: DocumentNode, allowed: RegExp, characters: string): string {
  const name = node.present ? node.string("bad-dns-name") : "";
  if (name === "" || (name.length <= maxLength && allowed.test(name))) return name;
  throw node.fail("bad-dns-name", `a DNS name (at most ${maxLength} letters, digits, ${characters})`);
}
