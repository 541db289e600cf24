// SPDX-License-Identifier: Apache-2.0
// Reads YAML that somebody else wrote: plain values only, in bounded time, memory and depth.
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
} from "yaml";

/** One document of a text. */
export interface YamlDocument {
  /** For line numbers of its parts. */
  readonly document: Document.Parsed;
  /** Null or undefined for an empty one. */
  readonly value: unknown;
  readonly lines: LineCounter;
}

/** Makes the error of a document; `index` counts from 0. */
export type YamlFailure = (problem: string, index: number, line: number | undefined) => Error;

/** What a text may need at most. A line `key: value` is six tokens; the limit takes some seconds. */
const maxTokens = 1_000_000;
/** Deepest nesting: code that walks a value recursively must not run out of stack. */
const maxDepth = 64;
const maxAliases = 100;

/**
 * Tags are refused: `!!set` and its like make objects that look empty to whoever asks for their fields, and a selector
 * that looks empty selects everything. The core schema holds whatever version a text asks for.
 */
const options = {
  ...{ schema: "core", resolveKnownTags: false, stringKeys: true },
  // Both take time that grows with the square of what is wrong.
  ...{ prettyErrors: false, uniqueKeys: false },
} as const;

/** All documents of a text. Throws what `fail` makes for the first thing that is wrong; never returns a part. */
export function readYaml(text: string, fail: YamlFailure): YamlDocument[] {
  const lines = new LineCounter();
  const found: YamlDocument[] = [];
  const composer = new Composer(options);
  const lineAt = (offset: number | undefined) => (offset === undefined ? undefined : lines.linePos(offset).line);
  const failHere = (problem: string, offset?: number) => fail(problem, found.length, lineAt(offset));
  for (const document of composer.compose(tokens(text, lines, failHere))) {
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw failHere(`not valid YAML: ${firstLine(problem.message)}`, problem.pos[0]);
    // Composed documents are parsed ones.
    const parsed = document as Document.Parsed;
    checkNodes(parsed.contents, failHere);
    found.push({ document: parsed, value: toValue(parsed, failHere), lines });
  }
  const left = composer.streamInfo().errors[0];
  if (found.length === 0 && left !== undefined)
    throw failHere(`not valid YAML: ${firstLine(left.message)}`, left.pos[0]);
  return found;
}

function* tokens(text: string, lines: LineCounter, failHere: (problem: string) => Error) {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let count = 0;
  // As Parser.parse() does, with a count.
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > maxTokens) throw failHere(`more than ${maxTokens} YAML tokens (split it into several files)`);
    yield* parser.next(lexeme);
  }
  yield* parser.end();
}

/** What the composer does not look at, or only in quadratic time: depth, aliases, keys that are there twice. */
function checkNodes(root: Node | null, failHere: (problem: string, offset?: number) => Error): void {
  let aliases = 0;
  const walk = (node: unknown, depth: number): void => {
    if (isPair(node)) {
      walk(node.value, depth);
      return;
    }
    if (isAlias(node) && ++aliases > maxAliases) {
      throw failHere(`not usable YAML: more than ${maxAliases} aliases`, node.range?.[0]);
    }
    if (!isMap(node) && !isSeq(node)) return;
    if (depth === maxDepth) {
      throw failHere(`not usable YAML: nested deeper than ${maxDepth} levels`, node.range?.[0]);
    }
    if (isMap(node)) checkKeys(node.items, failHere);
    for (const item of node.items) walk(item, depth + 1);
  };
  walk(root, 0);
}

function checkKeys(items: readonly { key: unknown }[], failHere: (problem: string, offset?: number) => Error): void {
  const seen = new Set<unknown>();
  for (const { key } of items) {
    if (!isScalar(key)) throw failHere("not valid YAML: a key that is no plain text");
    if (seen.has(key.value)) throw failHere("not valid YAML: Map keys must be unique", key.range?.[0]);
    seen.add(key.value);
  }
}

function toValue(document: Document.Parsed, failHere: (problem: string) => Error): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    throw failHere(`not usable YAML: ${error instanceof Error ? firstLine(error.message) : String(error)}`);
  }
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 200);
}
