// SPDX-License-Identifier: Apache-2.0
// Case files: `{"format": "policy-vectors/1", "cases": [...]}`, checked before anything is answered.
import { FormatError, toError } from "../../core/index.ts";
import type { PolicyCase } from "./types.ts";

const format = "policy-vectors/1";
const lists = ["manifests", "endpoints", "flows"] as const;
const optionalLists = ["nodes", "kubeAPIServer", "rejected", "httpRequests", "dnsQueries"] as const;

/** Reads a case file. Throws FormatError with the place of what is wrong. `file` is for errors. */
export function readCases(text: string, file: string): readonly PolicyCase[] {
  const document = parseJson(text, file);
  const problem = findProblem(document);
  if (problem !== undefined) throw new FormatError(`Cannot read cases from "${file}": ${problem}`);
  return (document as { readonly cases: readonly PolicyCase[] }).cases;
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError(`Cannot read cases from "${file}": no JSON (${toError(error).message})`);
  }
}

function findProblem(document: unknown): string | undefined {
  if (!isObject(document) || document.format !== format) return `no format "${format}"`;
  if (!Array.isArray(document.cases)) return 'no list "cases"';
  for (const [index, vector] of document.cases.entries()) {
    const problem = problemOfCase(vector, `cases[${index}]`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOfCase(vector: unknown, at: string): string | undefined {
  if (!isObject(vector) || typeof vector.id !== "string") return `${at} has no id`;
  const missing = lists.find((name) => !Array.isArray(vector[name]));
  const wrong = optionalLists.find((name) => vector[name] !== undefined && !Array.isArray(vector[name]));
  if (missing !== undefined || wrong !== undefined) return `${at}.${missing ?? wrong} is no list`;
  return (
    problemOfItems(vector.endpoints, `${at}.endpoints`, { texts: ["name"], lists: ["labels"] }) ??
    problemOfItems(vector.nodes ?? [], `${at}.nodes`, { texts: ["name", "ip"], lists: [] }) ??
    problemOfItems(vector.flows, `${at}.flows`, { texts: ["from", "to", "proto"], lists: [] })
  );
}

interface ItemShape {
  readonly texts: readonly string[];
  readonly lists: readonly string[];
}

function problemOfItems(items: unknown, at: string, shape: ItemShape): string | undefined {
  for (const [index, item] of (items as readonly unknown[]).entries()) {
    if (!isObject(item)) return `${at}[${index}] is no object`;
    const text = shape.texts.find((name) => typeof item[name] !== "string");
    if (text !== undefined) return `${at}[${index}].${text} is no text`;
    const list = shape.lists.find((name) => !Array.isArray(item[name]));
    if (list !== undefined) return `${at}[${index}].${list} is no list`;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
