// SPDX-License-Identifier: Apache-2.0
// Structured logs: a constant message and key/values, on standard error, without secrets.

import pino from "pino";
import { errorChain } from "./errors.ts";
import { redactFields } from "./log-redact.ts";
import { formatTextLine } from "./log-text.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";
export type LogFormat = "text" | "json";
/** Key/values of one line. Errors are written with the chain of their causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines for one component. */
export interface Logger {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
  /** Whether lines of this level are written; for fields that cost something to make. */
  enabled(level: Exclude<LogLevel, "silent">): boolean;
}

/** Where and how to write. */
export interface LogConfig {
  readonly level?: LogLevel;
  readonly format?: LogFormat;
  /** Takes one line with its newline. Default: standard error. */
  readonly write?: (line: string) => void;
}

type WriteLevel = Exclude<LogLevel, "silent">;

const state = {
  level: process.env["NODE_TEST_CONTEXT"] === undefined ? ("info" as LogLevel) : ("error" as LogLevel),
  format: "text" as LogFormat,
  write: (line: string): void => void process.stderr.write(line),
};

let root: pino.Logger | undefined;

/** Sets level, format and destination for the whole process; what is not given stays as it is. */
export function configureLogging(config: LogConfig): void {
  state.level = config.level ?? state.level;
  state.format = config.format ?? state.format;
  state.write = config.write ?? state.write;
  root = undefined;
}

/** A logger whose lines carry `subsys=component`. Cheap; made once for each file that logs. */
export function createLogger(component: string): Logger {
  return bind({ subsys: component });
}

function bind(bound: LogFields): Logger {
  const write = (level: WriteLevel, message: string, fields: LogFields = {}) => {
    const logger = rootLogger();
    if (!logger.isLevelEnabled(level)) return;
    logger[level](redactFields({ ...bound, ...fields }, describeError), message);
  };
  return {
    trace: (message, fields) => write("trace", message, fields),
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
    child: (fields) => bind({ ...bound, ...fields }),
    enabled: (level) => rootLogger().isLevelEnabled(level),
  };
}

function describeError(error: Error): string {
  // Stacks are for those who ask for debug output.
  return state.level === "debug" || state.level === "trace" ? (error.stack ?? errorChain(error)) : errorChain(error);
}

function rootLogger(): pino.Logger {
  root ??= pino(
    {
      level: state.level,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => state.write(state.format === "json" ? line : formatTextLine(line, process.env)) },
  );
  return root;
}
