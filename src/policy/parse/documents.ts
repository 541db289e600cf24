// SPDX-License-Identifier: Apache-2.0
// Policies as text: multi-document YAML or JSON, with document and line in every error.
import { type Document, isMap, isNode, isScalar, type LineCounter, type Range } from "yaml";
import { readYaml } from "../../kubernetes/index.ts";
import { type DocumentPath, PolicyParseError } from "../errors.ts";
import type { ParsedPolicy } from "../types.ts";
import { DocumentNode } from "./node.ts";
import { type ParsePolicyOptions, parsePolicy } from "./policy.ts";

/** One policy of a text. */
export interface ParsedDocument {
  readonly policy: ParsedPolicy;
  /** The object as given. */
  readonly resource: Readonly<Record<string, unknown>>;
  /** `FILE, document 2`, for later messages. */
  readonly origin: string;
}

/** One object of a text, not looked at yet. */
export interface PolicyText {
  readonly resource: unknown;
  /** `FILE, document 2`. */
  readonly origin: string;
  /** Line of what stands at a path of the object, or of the nearest thing above it. */
  readonly lineOf: (path: DocumentPath) => number;
}

/**
 * Reads all policies of a text; a list or an object of kind List counts as its items. Throws PolicyParseError for
 * the first bad one (nothing of the text is in force then). Empty documents are skipped.
 */
export function parsePolicyDocuments(text: string, file: string, options: ParsePolicyOptions = {}): ParsedDocument[] {
  return readPolicyTexts(text, file).map(({ resource, origin, lineOf }) => {
    try {
      const policy = parsePolicy(resource, { ...options, origin });
      return { policy, resource: resource as Readonly<Record<string, unknown>>, origin };
    } catch (error) {
      if (!(error instanceof PolicyParseError)) throw error;
      throw error.from({ origin, line: lineOf(error.segments) });
    }
  });
}

/** The objects of a text. Throws PolicyParseError for what is no YAML. */
export function readPolicyTexts(text: string, file: string): readonly PolicyText[] {
  const fail = (problem: string, index: number, line: number | undefined) =>
    new PolicyParseError(
      { reason: "bad-document", path: [], problem },
      { origin: `${file}, document ${index + 1}`, ...(line === undefined ? {} : { line }) },
    );
  return readYaml(text, fail).flatMap(({ document, value, lines }, index): PolicyText[] => {
    if (value === null || value === undefined) return [];
    const origin = `${file}, document ${index + 1}`;
    return unfold(value).map(({ resource, path }) => ({
      ...{ resource, origin },
      lineOf: (inner) => lineOf(document, [...path, ...inner], lines),
    }));
  });
}

function unfold(value: unknown): readonly { resource: unknown; path: DocumentPath }[] {
  if (Array.isArray(value)) return value.map((resource: unknown, index) => ({ resource, path: [index] }));
  const node = new DocumentNode(value);
  const items = node.field("items");
  if (node.field("kind").value !== "List" || !items.present) return [{ resource: value, path: [] }];
  return items.items().map((item) => ({ resource: item.value, path: item.path }));
}

/** Line of the field or item at the path, or of the nearest one above it that is there. */
function lineOf(document: Document.Parsed, path: DocumentPath, lines: LineCounter): number {
  for (let length = path.length; length > 0; length--) {
    const range = rangeOf(document, path.slice(0, length));
    if (range !== undefined) return lines.linePos(range[0]).line;
  }
  return lines.linePos(document.contents?.range?.[0] ?? document.range[0]).line;
}

/** A field's place is that of its key; its value may begin on a later line. */
function rangeOf(document: Document.Parsed, path: DocumentPath): Range | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  const key = isMap(parent)
    ? parent.items.map((pair) => pair.key).find((candidate) => isScalar(candidate) && candidate.value === last)
    : document.getIn(path, true);
  return isNode(key) ? (key.range ?? undefined) : undefined;
}
