// SPDX-License-Identifier: Apache-2.0
// What a toPorts item asks of the proxy beside rules about requests: server names, TLS, a listener of its own.
import type { Direction, ListenerReference, PortRule } from "../types.ts";
import type { DocumentNode } from "./node.ts";

const envoyConfigKinds = ["CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"];
const tlsFields = ["secret", "trustedCA", "certificate", "privateKey"];

/** TLS server names; undefined without any. Beside rules about requests they need terminatingTLS. */
export function parseServerNames(
  node: DocumentNode,
  hasRules: boolean,
  terminatingTls: DocumentNode,
): readonly string[] | undefined {
  const items = node.optionalItems();
  if (items.length === 0) return undefined;
  if (hasRules && !terminatingTls.present) {
    const problem = `${node.pathText} stands beside rules, expected terminatingTLS with them (or a toPorts item of its own)`;
    throw node.failWith("bad-server-name", problem);
  }
  return items.map((item) => {
    const name = item.string("bad-server-name");
    if (name === "") throw item.fail("bad-server-name", "a server name");
    return name.toLowerCase();
  });
}

/** An Envoy listener; undefined without one. Only for egress, and not beside rules about requests. */
export function parseListener(
  node: DocumentNode,
  direction: Direction,
  hasRules: boolean,
): ListenerReference | undefined {
  if (!node.present) return undefined;
  if (direction === "ingress" || hasRules) {
    const where = direction === "ingress" ? "for ingress" : "beside rules";
    throw node.failWith("listener-not-allowed", `Field "${node.pathText}" is not allowed ${where}`);
  }
  node.checkFields(["envoyConfig", "name", "priority"]);
  const config = node.field("envoyConfig");
  config.checkFields(["kind", "name"]);
  const kind = config.field("kind");
  if (kind.present && !envoyConfigKinds.includes(kind.string())) {
    throw kind.fail("bad-type", envoyConfigKinds.join(" or "));
  }
  const priority = node.field("priority");
  return {
    config: { kind: kind.present ? kind.string() : "CiliumEnvoyConfig", name: config.field("name").string() },
    name: node.field("name").string(),
    ...(priority.present ? { priority: priority.integer(1, 100) } : {}),
  };
}

/** Whether TLS is ended or begun; undefined when neither. */
export function parseTls(portRule: DocumentNode): PortRule["tls"] {
  const [terminating, originating] = [portRule.field("terminatingTLS"), portRule.field("originatingTLS")];
  for (const node of [terminating, originating]) if (node.present) checkTls(node);
  if (!terminating.present && !originating.present) return undefined;
  return { terminating: terminating.present, originating: originating.present };
}

function checkTls(node: DocumentNode): void {
  node.checkFields(tlsFields);
  for (const name of tlsFields.slice(1)) if (node.field(name).present) node.field(name).string();
  const secret = node.field("secret");
  secret.checkFields(["namespace", "name"]);
  secret.field("name").string();
  if (secret.field("namespace").present) secret.field("namespace").string();
}
