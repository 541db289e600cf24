// SPDX-License-Identifier: Apache-2.0
// For tests: a run of the command line against an agent in memory, and comparison with files in testdata.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  type AgentApi,
  clusterHealthRoutes,
  createApiServer,
  createMonitorServer,
  createShellServer,
} from "../../src/api/index.ts";
import { run } from "./program.ts";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Called with what was printed so far. */
  readonly onOutput?: (stdout: string) => void;
}

export interface Cli {
  readonly socketPath: string;
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
}

/** Noon of the test day: "now" of every run. */
export const testNow = Date.parse("2026-01-02T12:00:00Z");

/** Serves `api` (undefined: nobody answers) and gives a command line that talks to it. */
export async function startCli(t: TestContext, api: AgentApi | undefined): Promise<Cli> {
  const directory = mkdtempSync(join(tmpdir(), "cli-"));
  const socketPath = join(directory, "cilium.sock");
  t.after(() => rmSync(directory, { recursive: true }));
  if (api !== undefined) {
    const servers = [
      createApiServer({ api, socketPath }),
      createMonitorServer({ api, socketPath: join(directory, "monitor1_2.sock") }),
      createShellServer({ api, socketPath: join(directory, "shell.sock") }),
      createApiServer({
        api,
        socketPath: join(directory, "health.sock"),
        routes: clusterHealthRoutes,
      }),
    ];
    for (const server of servers) {
      await server.start();
      t.after(() => server.stop());
    }
  }
  return { socketPath, run: (args, options = {}) => runOnce(socketPath, args, options) };
}

async function runOnce(socketPath: string, args: readonly string[], options: CliOptions): Promise<CliResult> {
  let stdout = "";
  let stderr = "";
  const code = await run(args, {
    env: { CILIUM_SOCK: socketPath, ...options.env },
    stdout: (text) => {
      stdout += text;
      options.onOutput?.(stdout);
    },
    stderr: (text) => {
      stderr += text;
    },
    stdin: async () => options.stdin ?? "",
    signal: options.signal ?? new AbortController().signal,
    now: () => testNow,
  });
  return { code, stdout, stderr };
}

/** Compares with `testdata/<name>.txt`; UPDATE_GOLDEN=1 writes the file instead. */
export function golden(name: string, actual: string): void {
  const path = join(import.meta.dirname, "testdata", `${name}.txt`);
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, actual);
  assert.equal(actual, readFileSync(path, "utf8"), `differs from ${path} (UPDATE_GOLDEN=1 rewrites it)`);
}
