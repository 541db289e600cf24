// SPDX-License-Identifier: Apache-2.0
// Reads files of policies; `-` is standard input.
import { readFile } from "node:fs/promises";
import { CiliumError } from "../../../../src/core/index.ts";
import type { ParsedDocument, ParsePolicyOptions } from "../../../../src/policy/index.ts";
import type { Context } from "../../context.ts";

/** Reads and checks a file; errors name it with document and line. Throws when there is no policy in it. */
export async function readPolicies(
  context: Context,
  file: string,
  options: ParsePolicyOptions = {},
): Promise<readonly ParsedDocument[]> {
  const { parsePolicyDocuments } = await import("../../../../src/policy/index.ts");
  const documents = parsePolicyDocuments(await readInput(context, file), shownName(file), options);
  if (documents.length === 0) {
    throw new CiliumError(`Cannot read policies from "${shownName(file)}": there is none in it`);
  }
  return documents;
}

/** The text of a file, or of standard input. */
export async function readInput(context: Context, file: string): Promise<string> {
  if (file === "-") return context.io.stdin();
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CiliumError(`Cannot read "${file}": ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

/** A file's name for messages. */
export function shownName(file: string): string {
  return file === "-" ? "standard input" : file;
}
