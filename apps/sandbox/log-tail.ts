// SPDX-License-Identifier: Apache-2.0
// What a program said last, for error messages.
import { readIfThere } from "./files.ts";

/** The last line that tells of an error, or else the last line. */
export function lastWords(path: string): string {
  const lines = (readIfThere(path) ?? "").split("\n").filter((line) => line.trim() !== "");
  const line = lines.findLast((text) => /error\b|\b(cannot|fatal|panic)\b/i.test(text)) ?? lines.at(-1);
  return line?.trim().replace(/^Error: /, "") ?? "it wrote nothing";
}
