// SPDX-License-Identifier: Apache-2.0
// Namespaces whose annotation puts all of their policies into audit mode.
import type { ResourceRow } from "../kubernetes/index.ts";
import { auditAnnotation } from "./parse/metadata.ts";

/** Follows Namespace objects. */
export class AuditedNamespaces {
  readonly #names = new Set<string>();

  has(namespace: string): boolean {
    return this.#names.has(namespace);
  }

  /** An object came, changed or (`gone`) went. Returns the namespace whose mode is another one now. */
  follow({ kind, name, object }: ResourceRow, gone: boolean): string | undefined {
    if (kind !== "Namespace") return undefined;
    const audited = !gone && annotationsOf(object)[auditAnnotation] === "true";
    if (audited === this.#names.has(name)) return undefined;
    if (audited) this.#names.add(name);
    else this.#names.delete(name);
    return name;
  }
}

function annotationsOf(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const metadata = (object["metadata"] ?? {}) as { readonly annotations?: unknown };
  return typeof metadata.annotations === "object" && metadata.annotations !== null
    ? (metadata.annotations as Readonly<Record<string, unknown>>)
    : {};
}
