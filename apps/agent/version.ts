// SPDX-License-Identifier: Apache-2.0
// The agent's version.
import { readFileSync } from "node:fs";
import type { VersionInfo } from "../../src/api/index.ts";
import { platformName } from "../../src/core/index.ts";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

export const version: VersionInfo = {
  version: manifest.version,
  runtime: process.version,
  arch: platformName,
};
