// SPDX-License-Identifier: Apache-2.0
// Which labels take part in an identity.

import { RE2JS } from "re2js";
import { FormatError } from "./errors.ts";
import type { Label } from "./label.ts";
import type { Labels } from "./labels.ts";
import { oneLine } from "./one-line.ts";

/** Decides on labels; `apply` keeps the identity-relevant ones. */
export interface LabelFilter {
  relevant(label: Label): boolean;
  apply(labels: Labels): Labels;
}

interface Pattern {
  readonly source: string | undefined;
  readonly exclude: boolean;
  /** How much of the key's start matches; −1: nothing does. */
  readonly match: (key: string) => number;
}

type Compile = (regex: string) => Pattern["match"];

/** For our own patterns. */
const compilePlain: Compile = (text) => {
  const regex = new RegExp(`^(?:${text})`);
  return (key) => regex.exec(key)?.[0].length ?? -1;
};

/** For those of others: in linear time, however a pod's author chooses the key. */
const compileLinear: Compile = (text) => {
  const regex = RE2JS.compile(text);
  return (key) => {
    const matcher = regex.matcher(key);
    return matcher.lookingAt() ? matcher.end() : -1;
  };
};

const DEFAULT_PATTERNS = [
  "reserved:.*",
  "k8s:io\\.kubernetes\\.pod\\.namespace",
  "k8s:io\\.cilium\\.k8s\\.namespace\\.labels",
  "k8s:app\\.kubernetes\\.io",
  "io\\.cilium\\.k8s\\.policy\\.cluster",
  "io\\.cilium\\.k8s\\.policy\\.serviceaccount",
  "!io\\.kubernetes",
  "!kubernetes\\.io",
  "!.*beta\\.kubernetes\\.io",
  "!k8s\\.io",
  "!pod-template-generation",
  "!pod-template-hash",
  "!controller-revision-hash",
  "!controller-uid",
  "!annotation.*",
  "!etcd_node",
  "!topology\\.kubernetes\\.io",
  "!statefulset\\.kubernetes\\.io/pod-name",
  "!apps\\.kubernetes\\.io/pod-index",
  "!batch\\.kubernetes\\.io/job-completion-index",
  "!batch\\.kubernetes\\.io/controller-uid",
];

/** Most patterns, and the longest of them in characters: each is tried on each label. */
const maxPatterns = 500;
const maxPatternLength = 500;

/** Everything but what changes with each pod or is Kubernetes' own book-keeping. */
export const defaultLabelFilter: LabelFilter = makeFilter(
  DEFAULT_PATTERNS.map((text) => parsePattern(text, compilePlain)),
  false,
);

/**
 * A filter from the value of `--labels`: patterns `[SOURCE:][!]REGEX` (RE2), apart by space or comma. A regex is matched from
 * the start of the key; the longest match decides, `!` excludes. With any pattern that includes, only what is included
 * (and `reserved:`) is relevant. An empty value is the default filter.
 */
export function parseLabelFilter(value: string): LabelFilter {
  const texts = value.split(/[\s,]+/).filter((text) => text !== "");
  if (texts.length === 0) return defaultLabelFilter;
  if (texts.length > maxPatterns)
    throw new FormatError(`Cannot use ${texts.length} label patterns (at most ${maxPatterns})`);
  const patterns = texts.map((text) => parsePattern(text, compileLinear));
  const onlyIncluded = patterns.some((pattern) => !pattern.exclude);
  return makeFilter([parsePattern("reserved:.*", compilePlain), ...patterns], onlyIncluded);
}

function parsePattern(text: string, compile: Compile): Pattern {
  let rest = text.startsWith("!") ? text.slice(1) : text;
  const colon = rest.indexOf(":");
  const source = colon < 0 ? undefined : rest.slice(0, colon);
  rest = rest.slice(colon + 1);
  if (text.length > maxPatternLength) {
    throw new FormatError(
      `Cannot parse label pattern "${oneLine(text, 40)}": more than ${maxPatternLength} characters`,
    );
  }
  const exclude = text.startsWith("!") || rest.startsWith("!");
  const body = rest.startsWith("!") ? rest.slice(1) : rest;
  try {
    return { source, exclude, match: compile(body) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : "not a regex";
    throw new FormatError(oneLine(`Cannot parse label pattern "${text}": ${reason}`));
  }
}

function makeFilter(patterns: readonly Pattern[], onlyIncluded: boolean): LabelFilter {
  const relevant = (label: Label): boolean => {
    let included = -1;
    let excluded = -1;
    for (const { source, exclude, match } of patterns) {
      if (source !== undefined && source !== "any" && source !== label.source) continue;
      const length = match(label.key);
      if (exclude) excluded = Math.max(excluded, length);
      else included = Math.max(included, length);
    }
    return included > excluded || (!onlyIncluded && excluded < 0);
  };
  return { relevant, apply: (labels) => labels.filter(relevant) };
}
