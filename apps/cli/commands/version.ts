// SPDX-License-Identifier: Apache-2.0
// version: of this program and of the agent.
import { readFile } from "node:fs/promises";
import { AgentUnreachableError, type VersionInfo } from "../../../src/api/index.ts";
import { CiliumError, platformName } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import type { CommandSpec } from "../define.ts";

export const version: CommandSpec = {
  usage: "version",
  summary: "Show the versions of this program and of the agent",
  run: async (context) => {
    const client = await clientVersion();
    const daemon = await daemonVersion(context);
    const found = daemon instanceof CiliumError ? undefined : daemon;
    await context.result({ Client: model(client), Daemon: model(found) }, () => {
      const second = found === undefined ? `Not responding (${(daemon as CiliumError).message})` : line(found);
      return [`Client: ${line(client)}`, `Daemon: ${second}`];
    });
  },
};

async function clientVersion(): Promise<VersionInfo> {
  const path = new URL("../../../package.json", import.meta.url);
  const manifest = JSON.parse(await readFile(path, "utf8")) as { version: string };
  return { version: manifest.version, runtime: process.version, arch: platformName };
}

async function daemonVersion(context: Context): Promise<VersionInfo | CiliumError> {
  try {
    return await context.client(5000).version();
  } catch (error) {
    if (error instanceof AgentUnreachableError) return error;
    throw error;
  }
}

function line({ version: number, revision, runtime, arch }: VersionInfo): string {
  return [number, revision, runtime === undefined ? undefined : `node ${runtime}`, arch].filter(Boolean).join(" ");
}

/** Fields that scripts read; those without a value here are empty, as all of them when the agent does not respond. */
function model(found: VersionInfo | undefined): Record<string, string> {
  return {
    Version: found?.version ?? "",
    Revision: found?.revision ?? "",
    GoRuntimeVersion: "",
    Arch: found?.arch ?? "",
    AuthorDate: "",
    Runtime: found?.runtime ?? "",
  };
}
