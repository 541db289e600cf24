// SPDX-License-Identifier: Apache-2.0
// The end of a log file, for error messages.
import { readIfThere } from "./files.ts";

/** The last lines that are not empty, joined by " | ". */
export function lastLines(path: string, count: number): string {
  const lines = (readIfThere(path) ?? "").split("\n").filter((line) => line.trim() !== "");
  return lines.length === 0 ? "empty" : lines.slice(-count).join(" | ");
}
