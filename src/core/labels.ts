// SPDX-License-Identifier: Apache-2.0
// An immutable set of labels with the canonical string that identities are allocated under.

import { compareLabels, formatLabel, type Label, makeLabel, parseLabel } from "./label.ts";

/** Labels by source and key; one value for each. Never changed after it was made. */
export class Labels implements Iterable<Label> {
  static readonly empty = new Labels([]);

  /** `k8s:a=b;k8s:c=d;`: sorted by key, `=` also without a value, `;` behind each. Equal sets have equal strings. */
  readonly canonical: string;
  readonly #list: readonly Label[];

  private constructor(sorted: readonly Label[]) {
    this.#list = sorted;
    this.canonical = sorted.map(({ source, key, value }) => `${source}:${key}=${value};`).join("");
  }

  /** From labels; of two with the same source and key the later one counts. Each is checked as by `parseLabel`. */
  static of(labels: Iterable<Label>): Labels {
    const byName = new Map<string, Label>();
    for (const { source, key, value } of labels) byName.set(`${source}:${key}`, makeLabel(source, key, value));
    return byName.size === 0 ? Labels.empty : new Labels([...byName.values()].sort(compareLabels));
  }

  /** From `source:key=value` strings; those without a source get `defaultSource`. */
  static parse(texts: Iterable<string>, defaultSource = "unspec"): Labels {
    return Labels.of(Array.from(texts, (text) => parseLabel(text, defaultSource)));
  }

  /** The reverse of `canonical`. */
  static fromCanonical(text: string): Labels {
    return Labels.parse(text.split(";").filter((part) => part !== ""));
  }

  get size(): number {
    return this.#list.length;
  }

  [Symbol.iterator](): Iterator<Label> {
    return this.#list[Symbol.iterator]();
  }

  /** The value of a label; undefined when it is not there, "" when it has none. Source `any` looks in all sources. */
  get(source: string, key: string): string | undefined {
    return this.#find(source, key)?.value;
  }

  /** Whether the label is there, whatever its value. */
  has(source: string, key: string): boolean {
    return this.#find(source, key) !== undefined;
  }

  equals(other: Labels): boolean {
    return this.canonical === other.canonical;
  }

  /** These labels with others added or replaced. */
  with(labels: Iterable<Label>): Labels {
    return Labels.of([...this.#list, ...labels]);
  }

  /** The labels that the predicate keeps. */
  filter(keep: (label: Label) => boolean): Labels {
    return Labels.of(this.#list.filter(keep));
  }

  /** `source:key=value` strings, sorted; without `=` where there is no value. */
  toStrings(): string[] {
    return this.#list.map(formatLabel);
  }

  toJSON(): string[] {
    return this.toStrings();
  }

  toString(): string {
    return this.toStrings().join(",");
  }

  #find(source: string, key: string): Label | undefined {
    return this.#list.find((label) => label.key === key && (source === "any" || label.source === source));
  }
}
