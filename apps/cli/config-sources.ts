// SPDX-License-Identifier: Apache-2.0
// Which configuration holds for a node: a ConfigMap, CiliumNodeConfigs that select the node, annotations of the node.
import type { ResourceRow } from "../../src/kubernetes/index.ts";

export type ConfigSource =
  | { readonly kind: "config-map"; readonly namespace: string; readonly name: string }
  | { readonly kind: "cilium-node-config"; readonly namespace: string }
  | { readonly kind: "node"; readonly name: string };

export interface ResolveOptions {
  readonly nodeName: string;
  /** Keys that may be overridden; empty: all but `deny`. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface ResolvedConfig {
  readonly config: ReadonlyMap<string, string>;
  /** What was overridden, or refused, by whom. */
  readonly notes: readonly string[];
}

const annotationPrefix = "config.cilium.io/";
/** A key is a file's name. */
const keyPattern = /^[-._a-zA-Z0-9]{1,253}$/;

/** Reads `KIND[:[NAMESPACE/]NAME]`; undefined for another kind. */
export function parseSource(
  text: string,
  defaults: { readonly namespace: string; readonly nodeName: string },
): ConfigSource | undefined {
  const [kind, rest = ""] = text.split(/:(.*)/s);
  const [first = "", second] = rest.split("/");
  switch (kind) {
    case "config-map":
      return second === undefined
        ? { kind, namespace: defaults.namespace, name: first || "cilium-config" }
        : { kind, namespace: first, name: second };
    case "cilium-node-config":
      return { kind, namespace: first || defaults.namespace };
    case "node":
      return { kind, name: first || defaults.nodeName };
    default:
      return undefined;
  }
}

/** The first source is the base; what later ones say goes before, as far as it may. */
export function resolveConfig(
  rows: readonly ResourceRow[],
  sources: readonly ConfigSource[],
  { nodeName, allow, deny }: ResolveOptions,
): ResolvedConfig {
  const config = new Map<string, string>();
  const notes: string[] = [];
  const mayOverride = (key: string) => (allow.length > 0 ? allow.includes(key) : !deny.includes(key));
  for (const [at, source] of sources.entries()) {
    for (const { name, values } of layersOf(rows, source, nodeName)) {
      for (const [key, value] of values) {
        if (!keyPattern.test(key)) notes.push(`Key "${key}" of ${name} is left out: it is no name of a file`);
        else if (at > 0 && !mayOverride(key))
          notes.push(`Key "${key}" of ${name} is left out: it may not be overridden`);
        else {
          if (config.has(key) && config.get(key) !== value) notes.push(`Key "${key}" is overridden by ${name}`);
          config.set(key, value);
        }
      }
    }
  }
  return { config, notes };
}

interface Layer {
  readonly name: string;
  readonly values: Iterable<readonly [key: string, value: string]>;
}

function layersOf(rows: readonly ResourceRow[], source: ConfigSource, nodeName: string): Layer[] {
  switch (source.kind) {
    case "config-map":
      return rows
        .filter((row) => row.kind === "ConfigMap" && row.name === source.name && row.namespace === source.namespace)
        .map(({ object }) => ({
          name: `config-map ${source.namespace}/${source.name}`,
          values: textsOf(fieldOf(object, "data")),
        }));
    case "cilium-node-config":
      return nodeConfigs(rows, source.namespace, labelsOf(rows, nodeName));
    case "node":
      return rows
        .filter((row) => row.kind === "Node" && row.name === source.name)
        .map(({ object }) => ({ name: `node ${source.name}`, values: annotationsOf(object) }));
  }
}

/** Of the namespace, by name, those whose selector the node's labels match. */
function nodeConfigs(rows: readonly ResourceRow[], namespace: string, labels: ReadonlyMap<string, string>): Layer[] {
  return rows
    .filter((row) => row.kind === "CiliumNodeConfig" && row.namespace === namespace)
    .filter(({ object }) => selects(fieldOf(fieldOf(object, "spec"), "nodeSelector"), labels))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, object }) => ({
      name: `cilium-node-config ${namespace}/${name}`,
      values: textsOf(fieldOf(fieldOf(object, "spec"), "defaults")),
    }));
}

function annotationsOf(object: unknown): [string, string][] {
  const annotations = textsOf(fieldOf(fieldOf(object, "metadata"), "annotations"));
  return annotations.flatMap(([key, value]): [string, string][] =>
    key.startsWith(annotationPrefix) ? [[key.slice(annotationPrefix.length), value]] : [],
  );
}

function labelsOf(rows: readonly ResourceRow[], node: string): ReadonlyMap<string, string> {
  const row = rows.find(({ kind, name }) => kind === "Node" && name === node);
  return new Map(textsOf(fieldOf(fieldOf(row?.object, "metadata"), "labels")));
}

/** A Kubernetes label selector; an empty one selects every node, an absent one none. */
function selects(selector: unknown, labels: ReadonlyMap<string, string>): boolean {
  if (typeof selector !== "object" || selector === null) return false;
  const expressions = fieldOf(selector, "matchExpressions");
  return (
    textsOf(fieldOf(selector, "matchLabels")).every(([key, value]) => labels.get(key) === value) &&
    (Array.isArray(expressions) ? expressions : []).every((expression) => holds(expression, labels))
  );
}

function holds(expression: unknown, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(String(fieldOf(expression, "key")));
  const values = fieldOf(expression, "values");
  const listed = value !== undefined && Array.isArray(values) && values.includes(value);
  switch (fieldOf(expression, "operator")) {
    case "In":
      return listed;
    case "NotIn":
      return !listed;
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}

function fieldOf(object: unknown, name: string): unknown {
  return typeof object === "object" && object !== null && Object.hasOwn(object, name)
    ? (object as Record<string, unknown>)[name]
    : undefined;
}

function textsOf(object: unknown): [string, string][] {
  if (typeof object !== "object" || object === null) return [];
  return Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === "string");
}
