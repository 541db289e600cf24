// SPDX-License-Identifier: Apache-2.0
// Turns the text of a manifest file into resource rows, or says exactly what is wrong with it.
import { oneLine } from "../core/index.ts";
import { type ResourceRow, resourceId } from "./types.ts";
import { readYaml } from "./yaml.ts";

/** A manifest that cannot be read; the message names file, document, path, what was found and what was expected. */
export class ManifestParseError extends Error {
  override name = "ManifestParseError";

  constructor(message: string) {
    super(oneLine(message));
  }
}

const namePattern = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Parses multi-document YAML (or JSON). `List` kinds are unfolded. Throws ManifestParseError; never returns a part. */
export function parseManifests(text: string, file: string): ResourceRow[] {
  const rows: ResourceRow[] = [];
  const seen = new Set<string>();
  const fail = (problem: string, index: number, line: number | undefined) => {
    const place = line === undefined ? "" : `, line ${line}`;
    return new ManifestParseError(`Cannot parse ${file}, document ${index + 1}${place}: ${problem}`);
  };
  for (const [index, { value }] of readYaml(text, fail).entries()) {
    const where = `${file}, document ${index + 1}`;
    if (value === null || value === undefined) continue;
    for (const row of toRows(value, where)) {
      if (seen.has(row.id)) throw new ManifestParseError(`Cannot use ${where}: "${row.id}" is there twice`);
      seen.add(row.id);
      rows.push(row);
    }
  }
  return rows;
}

function toRows(value: unknown, where: string): ResourceRow[] {
  const object = asObject(value, where, "");
  const kind = asString(object.kind, where, "kind");
  const apiVersion = asString(object.apiVersion, where, "apiVersion");
  if (kind === "List") {
    if (!Array.isArray(object.items)) throw wrong(where, "items", object.items, "a list");
    return object.items.flatMap((item, index) => toRows(item, `${where}, item ${index}`));
  }
  const metadata = asObject(object.metadata, where, "metadata");
  const name = asString(metadata.name, where, "metadata.name");
  if (name.length > 253 || !namePattern.test(name)) {
    throw wrong(where, "metadata.name", name, "a DNS name (a-z, 0-9, - and ., at most 253 characters)");
  }
  const namespace =
    metadata.namespace === undefined ? "default" : asString(metadata.namespace, where, "metadata.namespace");
  if (namespace.length > 63 || !namePattern.test(namespace)) {
    throw wrong(where, "metadata.namespace", namespace, "a DNS label (a-z, 0-9 and -, at most 63 characters)");
  }
  checkLabels(metadata.labels, where);
  const id = resourceId(kind, namespace, name);
  return [{ id, apiVersion, kind, namespace: id.split("/")[1] ?? "", name, object, origin: where }];
}

function checkLabels(labels: unknown, where: string): void {
  if (labels === undefined || labels === null) return;
  for (const [key, value] of Object.entries(asObject(labels, where, "metadata.labels"))) {
    if (typeof value !== "string")
      throw wrong(where, `metadata.labels["${key.slice(0, 80)}"]`, value, "a string (quote it)");
  }
}

function asObject(value: unknown, where: string, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(where, path, value, "an object");
  return value as Record<string, unknown>;
}

function asString(value: unknown, where: string, path: string): string {
  if (typeof value !== "string" || value === "") throw wrong(where, path, value, "a non-empty string");
  return value;
}

function wrong(where: string, path: string, found: unknown, expected: string): ManifestParseError {
  const text = found === undefined ? "nothing" : (JSON.stringify(found) ?? String(found)).slice(0, 80);
  return new ManifestParseError(`Cannot use ${where}: ${path || "the document"} is ${text}, expected ${expected}`);
}
