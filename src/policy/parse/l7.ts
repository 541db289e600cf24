// SPDX-License-Identifier: Apache-2.0
// toPorts[].rules: which requests may pass. One protocol an item.
import type { Direction, L7Rules, PortMatch } from "../types.ts";
import { parseDnsRule } from "./dns.ts";
import { parseHttpRule } from "./http.ts";
import type { DocumentNode } from "./node.ts";

const sections = ["http", "dns", "kafka", "l7"] as const;

/** Whether there is any list of rules; an empty list counts. */
export function hasL7Rules(rules: DocumentNode): boolean {
  return [...sections, "l7proto"].some((name) => rules.field(name).present);
}

/** Whether there is at least one rule about DNS questions. */
export function hasDnsRules(rules: DocumentNode): boolean {
  return countRules(rules, "dns") > 0;
}

/** Refuses protocols that a direction, or a policy for hosts, cannot have. `toPorts` is the whole list. */
export function checkL7Sections(toPorts: DocumentNode, direction: Direction, hostPolicy: boolean): void {
  for (const item of toPorts.optionalItems()) {
    const rules = item.field("rules");
    const refuse = hostPolicy && (direction === "ingress" ? hasL7Rules(rules) : hasRequestRules(rules));
    if (refuse) throw rules.failWith("l7-on-host", `Field "${rules.pathText}" is not allowed in a policy for nodes`);
  }
  for (const item of toPorts.optionalItems()) {
    const dns = item.field("rules").field("dns");
    if (direction === "ingress" && hasDnsRules(item.field("rules"))) {
      throw dns.failWith(
        "dns-on-ingress",
        `Field "${dns.pathText}" is not allowed for ingress (DNS rules are for egress)`,
      );
    }
  }
}

/** Reads `rules` of an item with these ports; undefined when it has none. */
export function parseL7Rules(node: DocumentNode, ports: readonly PortMatch[]): L7Rules | undefined {
  if (!node.present) return undefined;
  node.checkFields([...sections, "l7proto"]);
  if (!hasL7Rules(node)) return undefined;
  if (ports.some(({ first, name }) => first === 0 && name === undefined)) {
    throw node.failWith("l7-port-zero", `${node.pathText} stands beside port 0, expected ports of their own`);
  }
  const found: L7Rules[] = [];
  const http = node.field("http");
  if (http.present) found.push({ parser: "http", rules: http.items().map(parseHttpRule) });
  const kafka = node.field("kafka");
  if (kafka.present) found.push({ parser: "kafka", rules: kafka.items().map(plainObject) });
  const dns = node.field("dns");
  if (dns.present) found.push({ parser: "dns", rules: parseDnsRules(dns, ports) });
  const custom = parseCustomRules(node);
  if (custom !== undefined) found.push(custom);
  const [only, second] = found;
  if (second !== undefined) {
    const names = found.map(({ parser }) => parser).join(" and ");
    throw node.failWith("l7-mixed", `${node.pathText} has ${names}, expected one of them (use two toPorts items)`);
  }
  return only;
}

function parseDnsRules(node: DocumentNode, ports: readonly PortMatch[]) {
  if (ports.length > 0) return node.items().map(parseDnsRule);
  throw node.failWith("dns-no-port", `${node.pathText} stands without ports, expected port 53 beside it`);
}

function parseCustomRules(node: DocumentNode): L7Rules | undefined {
  const [proto, rules] = [node.field("l7proto"), node.field("l7")];
  if (!proto.present && rules.present) {
    throw node.failWith("l7-mixed", `${rules.pathText} stands without l7proto, expected the protocol's name beside it`);
  }
  if (!proto.present) return undefined;
  return {
    parser: "custom",
    name: proto.string(),
    rules: rules.optionalItems().map(stringMap),
  };
}

function plainObject(node: DocumentNode): Readonly<Record<string, unknown>> {
  return Object.fromEntries(node.entries().map(([key, value]) => [key, value.value]));
}

function stringMap(node: DocumentNode): Readonly<Record<string, string>> {
  return Object.fromEntries(node.entries().map(([key, value]) => [key, value.string()]));
}

function hasRequestRules(rules: DocumentNode): boolean {
  return countRules(rules, "http") + countRules(rules, "kafka") + countRules(rules, "l7") > 0;
}

function countRules(rules: DocumentNode, section: (typeof sections)[number]): number {
  const { value } = rules.field(section);
  return Array.isArray(value) ? value.length : 0;
}
