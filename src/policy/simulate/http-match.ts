// SPDX-License-Identifier: Apache-2.0
// HTTP rules as the proxy matches them: RE2 on the whole method, path with query, and host; headers by exact value.
import { RE2JS } from "re2js";
import type { HttpRule } from "../types.ts";
import type { HttpProbe } from "./types.ts";

/** Whether the request meets all of the rule. */
export function matchesHttp(rule: HttpRule, request: HttpProbe): boolean {
  return (
    matchesWhole(rule.method, request.method) &&
    matchesWhole(rule.path, request.path) &&
    matchesWhole(rule.host, request.host) &&
    (rule.headers ?? []).every((header) => hasHeader(request, header)) &&
    (rule.headerMatches ?? []).every((match) => meetsHeader(request, match))
  );
}

const compiled = new Map<string, RE2JS>();
const maxCompiled = 10_000;

function matchesWhole(pattern: string | undefined, text: string | undefined): boolean {
  if (pattern === undefined) return true;
  if (text === undefined) return false;
  let regex = compiled.get(pattern);
  if (regex === undefined) {
    regex = RE2JS.compile(pattern);
    if (compiled.size >= maxCompiled) compiled.clear();
    compiled.set(pattern, regex);
  }
  return regex.matches(text);
}

/** `NAME`, which has to be there, or `NAME VALUE` (also `NAME: VALUE`), which has to be equal. */
function hasHeader(request: HttpProbe, header: string): boolean {
  const space = header.indexOf(" ");
  if (space < 0) return headerValue(request, header) !== undefined;
  return headerValue(request, header.slice(0, space).replace(/:$/, "")) === header.slice(space + 1);
}

/** A mismatch that is only logged or mended lets the request pass. */
function meetsHeader(request: HttpProbe, match: NonNullable<HttpRule["headerMatches"]>[number]): boolean {
  if (match.mismatch !== undefined) return true;
  const value = headerValue(request, match.name);
  return value !== undefined && (match.value === undefined || value === match.value);
}

function headerValue({ headers = {} }: HttpProbe, name: string): string | undefined {
  const wanted = name.toLowerCase();
  const pairs = isList(headers) ? headers.map(splitHeader) : Object.entries(headers);
  return pairs.find(([key]) => key.toLowerCase() === wanted)?.[1];
}

function splitHeader(header: string): readonly [name: string, value: string] {
  const colon = header.indexOf(":");
  return colon < 0 ? [header, ""] : [header.slice(0, colon), header.slice(colon + 1).trim()];
}

function isList(headers: NonNullable<HttpProbe["headers"]>): headers is readonly string[] {
  return Array.isArray(headers);
}
