// SPDX-License-Identifier: Apache-2.0
// One call of the plugin: environment and configuration in, answer and exit code out.

import { type AgentAt, agentClient, agentPatience } from "./agent.ts";
import { add } from "./commands/add.ts";
import { check } from "./commands/check.ts";
import { del } from "./commands/del.ts";
import { gc } from "./commands/gc.ts";
import { status } from "./commands/status.ts";
import { type PluginConfig, parseConfig } from "./config.ts";
import { decodeConfig } from "./config-fields.ts";
import { readCommand } from "./environment.ts";
import { type CniError, toCniError } from "./errors.ts";
import { writeLog } from "./log-file.ts";
import type { Answer, Request } from "./request.ts";
import { type CniCommand, type CniVersion, latestVersion, requireCommand, supportedVersions } from "./versions.ts";

export interface Invocation {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: string;
  /** How long ADD waits for an agent that is not there; default 30 s. */
  readonly patience?: number;
  /** Default: over the socket. */
  readonly agentAt?: AgentAt;
  /** ADD found no attachment and begins with its own. */
  readonly onBegun?: () => void;
}

export interface Outcome {
  /** 0 or 1. */
  readonly exitCode: number;
  /** For stdout, empty for nothing. */
  readonly output: string;
}

const handlers: Readonly<Record<Exclude<CniCommand, "VERSION">, (request: Request) => Promise<Answer>>> = {
  ADD: add,
  DEL: del,
  CHECK: check,
  STATUS: status,
  GC: gc,
};

/** Runs the command; never throws. */
export async function runPlugin(invocation: Invocation): Promise<Outcome> {
  let version: CniVersion = latestVersion;
  const started = Date.now();
  let config: PluginConfig | undefined;
  const { env } = invocation;
  const log = (level: "debug" | "warn" | "error", message: string): void => {
    if (level === "debug" && !config?.debug) return;
    const about = { command: env.CNI_COMMAND, containerId: env.CNI_CONTAINERID, ifname: env.CNI_IFNAME };
    writeLog(config?.logFile, { level, message, ...about, milliseconds: Date.now() - started });
  };
  try {
    const command = readCommand(env);
    const json = decodeConfig(invocation.stdin);
    if (command === "VERSION") return done(versionAnswer(json.cniVersion));
    config = parseConfig(json);
    version = config.cniVersion;
    requireCommand(command, version);
    const warn = (message: string): void => log("warn", message);
    const { patience = agentPatience, agentAt = agentClient, onBegun = () => {} } = invocation;
    const isBegun = env.CILIUM_CNI_BEGUN === "1";
    const answer = await handlers[command]({ config, env, patience, agentAt, isBegun, onBegun, warn });
    log("debug", "done");
    return done(answer);
  } catch (thrown) {
    const error = toCniError(thrown);
    log("error", error.message);
    return { exitCode: 1, output: format(errorAnswer(version, error)) };
  }
}

function versionAnswer(given: unknown): Record<string, unknown> {
  const cniVersion = supportedVersions.find((supported) => supported === given) ?? latestVersion;
  return { cniVersion, supportedVersions };
}

function errorAnswer(cniVersion: CniVersion, error: CniError): Record<string, unknown> {
  const details = error.details === "" ? {} : { details: error.details };
  return { cniVersion, code: error.cniCode, msg: error.message, ...details };
}

function done(answer: Answer): Outcome {
  return { exitCode: 0, output: answer === undefined ? "" : format(answer) };
}

function format(answer: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(answer, null, 4)}\n`;
}
