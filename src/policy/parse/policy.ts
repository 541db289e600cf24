// SPDX-License-Identifier: Apache-2.0
// A policy resource: checked as a whole, taken as a whole or not at all.
import { PolicyParseError } from "../errors.ts";
import type { ParsedPolicy, Rule } from "../types.ts";
import { DocumentNode } from "./node.ts";
import { parseRule } from "./rule.ts";

/** What the parser has to know beside the resource. */
export interface ParsePolicyOptions {
  /** File or other origin, for errors. */
  readonly origin?: string;
  /** Name of the local cluster, to which peers are narrowed. Default `default`; null: peers may live in any. */
  readonly cluster?: string | null;
}

const namePattern = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const namespacePattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const otherKinds = ["CiliumClusterwideNetworkPolicy", "NetworkPolicy", "ClusterNetworkPolicy", "CiliumCIDRGroup"];

/** Reads a CiliumNetworkPolicy. Throws PolicyParseError with origin and the policy's name. */
export function parsePolicy(resource: unknown, options: ParsePolicyOptions = {}): ParsedPolicy {
  const node = new DocumentNode(resource);
  try {
    return parseResource(node, options);
  } catch (error) {
    if (!(error instanceof PolicyParseError)) throw error;
    const name = node.field("metadata").field("name").value;
    const namespace = node.field("metadata").field("namespace").value ?? "default";
    throw error.from({
      ...(options.origin === undefined ? {} : { origin: options.origin }),
      ...(typeof name === "string" && typeof namespace === "string" ? { policy: `${namespace}/${name}` } : {}),
    });
  }
}

function parseResource(node: DocumentNode, options: ParsePolicyOptions): ParsedPolicy {
  const kind = parseKind(node);
  node.checkFields({ supported: ["apiVersion", "kind", "metadata", "spec", "specs", "status"] });
  const { namespace, name, uid } = parseMetadata(node.field("metadata"));
  const scope = { namespace, cluster: options.cluster === null ? undefined : (options.cluster ?? "default") };
  const rules: Rule[] = [];
  const spec = node.field("spec");
  if (spec.present) rules.push(parseRule(spec, "", scope));
  const specs = node.field("specs");
  if (specs.present) {
    for (const [index, item] of specs.items().entries()) rules.push(parseRule(item, `specs[${index}].`, scope));
  }
  if (rules.length === 0) throw node.failWith("no-spec", "the policy has no spec, expected spec or specs");
  const named = { id: `${kind}/${namespace}/${name}`, kind, namespace, name, ...(uid === undefined ? {} : { uid }) };
  return { ...named, staged: false, audit: false, rules };
}

function parseKind(node: DocumentNode): string {
  const kindNode = node.field("kind");
  const kind = kindNode.string();
  if (otherKinds.includes(kind)) throw kindNode.failWith("not-supported", `Kind "${kind}" is not supported yet`);
  if (kind !== "CiliumNetworkPolicy") throw kindNode.fail("bad-type", "CiliumNetworkPolicy");
  const version = node.field("apiVersion");
  if (version.value !== "cilium.io/v2") throw version.fail("bad-type", '"cilium.io/v2"');
  return kind;
}

function parseMetadata(node: DocumentNode): { namespace: string; name: string; uid: string | undefined } {
  node.entries();
  const nameNode = node.field("name");
  const name = nameNode.string("name-missing");
  if (name.length > 253 || !namePattern.test(name)) {
    throw nameNode.fail("name-missing", "a name (a-z, 0-9, - and ., at most 253 characters)");
  }
  const namespaceNode = node.field("namespace");
  const namespace = namespaceNode.present ? namespaceNode.string() : "default";
  if (namespace.length > 63 || !namespacePattern.test(namespace)) {
    throw namespaceNode.fail("bad-type", "a namespace (a-z, 0-9 and -, at most 63 characters)");
  }
  const uid = node.field("uid");
  return { namespace, name, uid: uid.present ? uid.string() : undefined };
}
