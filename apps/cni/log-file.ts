// SPDX-License-Identifier: Apache-2.0
// The plugin's log file: one JSON line a message, appended. A file that cannot be written never fails a command.
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

export type LogLine = Readonly<Record<string, unknown>> & { readonly level: "debug" | "warn" | "error" };

/** Appends a line; also makes the file's folder. */
export function writeLog(path: string | undefined, line: LogLine): void {
  if (path === undefined) return;
  const text = `${JSON.stringify({ time: new Date().toISOString(), pid: process.pid, ...line })}\n`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, text, { mode: 0o600 });
  } catch (error) {
    process.stderr.write(`Cannot write log file "${path}": ${(error as NodeJS.ErrnoException).code}\n${text}`);
  }
}
