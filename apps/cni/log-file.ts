// SPDX-License-Identifier: Apache-2.0
// The plugin's log file: one JSON line a message, appended. A file that cannot be written never fails a command.
import { closeSync, constants, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export type LogLine = Readonly<Record<string, unknown>> & { readonly level: "debug" | "warn" | "error" };

/** Appends a line; also makes the file's folder. */
export function writeLog(path: string | undefined, line: LogLine): void {
  if (path === undefined) return;
  const text = `${JSON.stringify({ time: new Date().toISOString(), pid: process.pid, ...line })}\n`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    // A pipe that nobody reads must not hold up the agent, in which this may run.
    const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
    const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600);
    try {
      writeSync(file, text);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    process.stderr.write(`Cannot write log file "${path}": ${(error as NodeJS.ErrnoException).code}\n${text}`);
  }
}
