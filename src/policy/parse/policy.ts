// SPDX-License-Identifier: Apache-2.0
// A policy object of any kind: checked as a whole, taken as a whole or not at all.
import { PolicyParseError } from "../errors.ts";
import type { ParsedPolicy } from "../types.ts";
import { cidrGroupKind } from "./cidr-group.ts";
import { ciliumClusterwideNetworkPolicy, ciliumNetworkPolicy } from "./cilium-policy.ts";
import type { PolicyKind } from "./kind.ts";
import { kubernetesKinds } from "./kubernetes/index.ts";
import { parseMetadata } from "./metadata.ts";
import { DocumentNode } from "./node.ts";
import { type ParsePolicyOptions, specScope } from "./options.ts";
import { wholeWorldLeavesOutNodes, withoutNodesInWholeWorld } from "./whole-world.ts";

export type { ParsePolicyOptions } from "./options.ts";

/** Every kind of policy that there is. */
const policyKinds: readonly PolicyKind[] = [
  ciliumNetworkPolicy,
  ciliumClusterwideNetworkPolicy,
  ...kubernetesKinds.map(
    ({ kind, apiVersion, namespaced, parseSpec }): PolicyKind => ({
      kind,
      apiVersions: [apiVersion],
      namespaced,
      fields: ["spec"],
      parse: (node, scope) => parseSpec(node.field("spec"), scope),
    }),
  ),
];
const byName: ReadonlyMap<string, PolicyKind> = new Map(policyKinds.map((kind) => [kind.kind, kind]));

/** Whether objects of the kind are policies. */
export function isPolicyKind(kind: string): boolean {
  return byName.has(kind);
}

/** Reads a policy of any kind. Throws PolicyParseError with origin and the policy's name. */
export function parsePolicy(resource: unknown, options: ParsePolicyOptions = {}): ParsedPolicy {
  const node = new DocumentNode(resource, [], options.lenient);
  try {
    return parseObject(node, options);
  } catch (error) {
    if (!(error instanceof PolicyParseError)) throw error;
    const policy = policyName(node);
    throw error.from({
      ...(options.origin === undefined ? {} : { origin: options.origin }),
      ...(policy === undefined ? {} : { policy }),
    });
  }
}

function parseObject(node: DocumentNode, options: ParsePolicyOptions): ParsedPolicy {
  const kind = parseKind(node);
  node.checkFields(["apiVersion", "kind", "metadata", "status", ...kind.fields]);
  const { namespace, name, uid, staged, audit } = parseMetadata(node.field("metadata"), kind.namespaced);
  const parsed = kind.parse(node, specScope(namespace, options));
  const rules = wholeWorldLeavesOutNodes(options.cidrMatchMode ?? []) ? withoutNodesInWholeWorld(parsed) : parsed;
  const id = `${kind.kind}/${namespace}/${name}`;
  return { id, kind: kind.kind, namespace, name, ...(uid === undefined ? {} : { uid }), staged, audit, rules };
}

function parseKind(node: DocumentNode): PolicyKind {
  const kindNode = node.field("kind");
  const name = kindNode.string();
  if (name === cidrGroupKind)
    throw kindNode.failWith("not-supported", `Kind "${name}" is no policy, but what policies refer to`);
  const kind = byName.get(name);
  if (kind === undefined) throw kindNode.fail("bad-type", `one of ${[...byName.keys()].join(", ")}`);
  const version = node.field("apiVersion");
  if (kind.apiVersions.includes(version.string())) return kind;
  throw version.fail("bad-type", kind.apiVersions.map((known) => `"${known}"`).join(" or "));
}

/** For errors: `namespace/name`, or just the name of a clusterwide one. */
function policyName(node: DocumentNode): string | undefined {
  const name = node.field("metadata").field("name").value;
  const namespace = node.field("metadata").field("namespace").value ?? "default";
  if (typeof name !== "string" || typeof namespace !== "string") return undefined;
  const kind = node.field("kind").value;
  return typeof kind === "string" && byName.get(kind)?.namespaced === false ? name : `${namespace}/${name}`;
}
