// SPDX-License-Identifier: Apache-2.0
// Rules about HTTP requests. Path, method and host are regular expressions of RE2.
import { RE2JS } from "re2js";
import type { HttpRule } from "../types.ts";
import type { DocumentNode } from "./node.ts";

const fields = ["path", "method", "host", "headers", "headerMatches"];
const mismatchActions = ["LOG", "ADD", "DELETE", "REPLACE"] as const;

type HeaderMatch = NonNullable<HttpRule["headerMatches"]>[number];

/** Reads one rule; empty fields are left out. The host is not compiled, as in Cilium. */
export function parseHttpRule(node: DocumentNode): HttpRule {
  node.checkFields(fields);
  const path = text(node.field("path"));
  if (path !== "") checkRegex(path, node.field("path"));
  const method = text(node.field("method"));
  if (method !== "") checkRegex(method, node.field("method"));
  const host = text(node.field("host"));
  const headers = node
    .field("headers")
    .optionalItems()
    .map((item) => item.string("bad-header"));
  const headerMatches = node.field("headerMatches").optionalItems().map(parseHeaderMatch);
  return {
    ...(method === "" ? {} : { method }),
    ...(path === "" ? {} : { path }),
    ...(host === "" ? {} : { host }),
    ...(headers.length === 0 ? {} : { headers }),
    ...(headerMatches.length === 0 ? {} : { headerMatches }),
  };
}

function parseHeaderMatch(node: DocumentNode): HeaderMatch {
  node.checkFields(["name", "value", "mismatch", "secret"]);
  const name = node.field("name");
  if (name.string("bad-header") === "") throw name.fail("bad-header", "the name of a header");
  const value = text(node.field("value"));
  const mismatch = parseMismatch(node.field("mismatch"));
  const secret = node.field("secret");
  return {
    name: name.string(),
    ...(value === "" ? {} : { value }),
    ...(mismatch === undefined ? {} : { mismatch }),
    ...(secret.present ? { secret: parseSecret(secret) } : {}),
  };
}

function parseMismatch(node: DocumentNode): HeaderMatch["mismatch"] {
  if (!node.present || node.value === "") return undefined;
  const found = mismatchActions.find((action) => action === node.value);
  if (found === undefined) throw node.fail("bad-header", `one of ${mismatchActions.join(", ")}`);
  return found;
}

function parseSecret(node: DocumentNode): NonNullable<HeaderMatch["secret"]> {
  node.checkFields(["namespace", "name"]);
  const name = node.field("name");
  if (name.string("bad-header") === "") throw name.fail("bad-header", "the name of a secret");
  const namespace = text(node.field("namespace"));
  return { ...(namespace === "" ? {} : { namespace }), name: name.string() };
}

function checkRegex(regex: string, node: DocumentNode): void {
  try {
    RE2JS.compile(regex);
  } catch (error) {
    const reason = error instanceof Error ? ` (${error.message})` : "";
    throw node.fail("bad-regex", `a regular expression of RE2${reason}`);
  }
}

function text(node: DocumentNode): string {
  return node.present ? node.string() : "";
}
