// SPDX-License-Identifier: Apache-2.0
// `get KIND [NAME]`: finds the objects; table.ts prints them.
import { SandboxError } from "../errors.ts";
import { type Kind, kindByName, kinds } from "../manifests/kinds.ts";
import { loadObjects, loadPods } from "../store.ts";
import type { Sandbox } from "../types.ts";
import { deploymentObject, type KubernetesObject, namespaceObjects, nodeObject, podObject } from "./objects.ts";

export interface GetOptions {
  readonly kind: string;
  readonly name?: string;
  readonly namespace: string;
  readonly allNamespaces: boolean;
}

export interface Found {
  readonly kind: Kind;
  readonly items: readonly KubernetesObject[];
}

/** The objects, sorted by namespace and name. Throws when the kind is unknown, or there is none of the name. */
export function getObjects(sandbox: Sandbox, options: GetOptions): Found {
  const kind = kindByName(options.kind);
  if (kind === undefined) {
    const known = kinds.map(({ names }) => names[0]).join(", ");
    throw new SandboxError(`Cannot get "${options.kind}": no such kind, expected one of ${known}`, { exitCode: 2 });
  }
  const items = listKind(sandbox, kind)
    .filter((object) => !kind.namespaced || options.allNamespaces || namespaceOf(object) === options.namespace)
    .filter((object) => options.name === undefined || nameOf(object) === options.name)
    .sort((a, b) => compare(namespaceOf(a), namespaceOf(b)) || compare(nameOf(a), nameOf(b)));
  if (options.name !== undefined && items.length === 0) {
    const where = kind.namespaced ? ` in namespace "${options.namespace}"` : "";
    throw new SandboxError(`Cannot get ${kind.names[1]} "${options.name}": there is none of that name${where}`);
  }
  return { kind, items };
}

function listKind(sandbox: Sandbox, kind: Kind): KubernetesObject[] {
  const objects = loadObjects(sandbox);
  if (kind.kind === "Pod") return loadPods(sandbox).map((pod) => podObject(sandbox, pod));
  if (kind.kind === "Node") return sandbox.nodes.map((node) => nodeObject(sandbox, node, objects));
  if (kind.kind === "Namespace") return namespaceObjects(sandbox, objects);
  const rows = objects.filter((row) => row.kind === kind.kind);
  if (kind.kind !== "Deployment") return rows.map((row) => row.object);
  const pods = loadPods(sandbox);
  return rows.map((row) => deploymentObject(sandbox, row, pods));
}

type Metadata = { readonly name?: string; readonly namespace?: string };
export const nameOf = (object: KubernetesObject): string => (object.metadata as Metadata).name ?? "";
export const namespaceOf = (object: KubernetesObject): string => (object.metadata as Metadata).namespace ?? "default";

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
