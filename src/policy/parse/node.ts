// SPDX-License-Identifier: Apache-2.0
// A value of a document together with its path, so that each check can say where it failed.
import { type DocumentPath, formatPath, PolicyParseError, type PolicyRejection } from "../errors.ts";
import { nearestName } from "./nearest.ts";

/** A read-only cursor into a document. A missing field is a node too (`present` is false); null is never "missing", unless it is lenient. */
export class DocumentNode {
  readonly value: unknown;
  readonly path: DocumentPath;
  readonly #lenient: boolean;

  /** `lenient`: as Cilium's own decoder, fields that are unknown or null are not there. */
  constructor(value: unknown, path: DocumentPath = [], lenient = false) {
    this.value = value;
    this.path = path;
    this.#lenient = lenient;
  }

  get present(): boolean {
    return this.value !== undefined;
  }

  get pathText(): string {
    return formatPath(this.path);
  }

  /** The field of an object; not present in anything else. Own properties only. */
  field(name: string): DocumentNode {
    const { value } = this;
    const own = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    return this.#child(own === null && this.#lenient ? undefined : own, name);
  }

  /** Throws unless this is an object with no other fields than these. */
  checkFields(supported: readonly string[]): void {
    for (const [name] of this.entries()) {
      if (supported.includes(name) || this.#lenient) continue;
      const field = formatPath([...this.path, name]);
      const nearest = nearestName(name, supported);
      const advice = nearest === undefined ? `known ones: ${supported.join(", ")}` : `did you mean "${nearest}"?`;
      throw this.field(name).failWith("unknown-field", `Field "${field}" is unknown (${advice})`);
    }
  }

  /** The fields of an object, in the document's order. */
  entries(): readonly (readonly [string, DocumentNode])[] {
    const { value } = this;
    if (!isObject(value)) throw this.fail("bad-type", "an object");
    return Object.keys(value).map((key) => [key, this.field(key)] as const);
  }

  items(): readonly DocumentNode[] {
    if (!Array.isArray(this.value)) throw this.fail("bad-type", "a list");
    return this.value.map((item: unknown, index) => this.#child(item, index));
  }

  /** As `items`, but no items where the field is missing. */
  optionalItems(): readonly DocumentNode[] {
    return this.present ? this.items() : [];
  }

  string(reason: PolicyRejection = "bad-type"): string {
    if (typeof this.value === "string") return this.value;
    const quote = typeof this.value === "number" || typeof this.value === "boolean" ? " (quote it)" : "";
    throw this.fail(reason, `a string${quote}`);
  }

  boolean(): boolean {
    if (typeof this.value === "boolean") return this.value;
    throw this.fail("bad-type", "true or false");
  }

  integer(min: number, max: number, reason: PolicyRejection = "bad-type"): number {
    const { value } = this;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.fail(reason, `a whole number ${min}-${max}`);
  }

  /** The error `PATH is FOUND, expected …`. */
  fail(reason: PolicyRejection, expected: string): PolicyParseError {
    return this.failWith(reason, `${this.pathText || "the document"} is ${this.#found()}, expected ${expected}`);
  }

  failWith(reason: PolicyRejection, problem: string): PolicyParseError {
    return new PolicyParseError({ reason, path: this.path, problem });
  }

  #child(value: unknown, name: string | number): DocumentNode {
    return new DocumentNode(value, [...this.path, name], this.#lenient);
  }

  #found(): string {
    const { value } = this;
    if (value === undefined) return "missing";
    if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
    if (isObject(value)) return "an object";
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
