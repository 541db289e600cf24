// SPDX-License-Identifier: Apache-2.0
// The three places that configuration text comes from.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Option, type RawValue, valueMeta } from "./config.ts";
import { ConfigError, toError } from "./errors.ts";
import { nearest } from "./nearest.ts";

type Options = ReadonlyMap<string, Option>;
type RawValues = Map<string, RawValue>;

/** Largest file of a key; Kubernetes allows a whole ConfigMap no more. */
const maxFileBytes = 1024 * 1024;

/** CILIUM_… variables that belong to commands and tools, not to the agent's keys. */
const FOREIGN_VARIABLES = new Set([
  "CILIUM_SOCK",
  "CILIUM_NAMESPACE",
  "CILIUM_CONFIG_DIR",
  "CILIUM_FREEZE_ROWS",
  "CILIUM_K8S_NAMESPACE",
  "CILIUM_HEALTH_SOCK",
  "CILIUM_CNI_CONF",
  "CILIUM_SANDBOX",
  "CILIUM_PROGRAM",
]);

/** Reads a folder with one file a key. Hidden files and folders (as Kubernetes' volumes have them) are skipped. */
export function readConfigDir(directory: string, options: Options): RawValues {
  const values: RawValues = new Map();
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    const reason = toError(error).message;
    throw new ConfigError(
      "config-dir",
      `Cannot read key "config-dir": ${reason} (a folder with one file a key)`,
      error,
    );
  }
  for (const name of names) {
    if (name.startsWith(".")) continue;
    const path = join(directory, name);
    const text = readKeyFile(name, path);
    if (text === undefined) continue;
    known(name, `file ${path}`, options);
    values.set(name, { text, source: "config-dir", origin: `file ${path}` });
  }
  return values;
}

/** The text of a key's file, which may be behind a link; undefined for a folder. Throws ConfigError for all else. */
function readKeyFile(name: string, path: string): string | undefined {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return undefined;
    if (!stat.isFile()) throw new ConfigError(name, `Cannot read file ${path}: not a regular file (remove it)`);
    if (stat.size > maxFileBytes) {
      throw new ConfigError(name, `Cannot read file ${path}: ${stat.size} bytes (at most ${maxFileBytes})`);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)).trim();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const reason = code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "not UTF-8" : code || toError(error).message;
    throw new ConfigError(name, `Cannot read file ${path}: ${reason} (a text file with the value of "${name}")`, error);
  }
}

/** Reads CILIUM_… variables; those of commands and sockets are not ours to judge. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>, options: Options): RawValues {
  const values: RawValues = new Map();
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith("CILIUM_") || text === undefined || FOREIGN_VARIABLES.has(variable)) continue;
    const name = variable.slice("CILIUM_".length).toLowerCase().replaceAll("_", "-");
    known(name, `environment variable ${variable}`, options);
    values.set(name, { text, source: "environment", origin: `environment variable ${variable}` });
  }
  return values;
}

/** Reads `--key value`, `--key=value`, and `--key` for switches. */
export function readArguments(
  argv: readonly string[],
  options: Options,
): { values: RawValues; configDir: string | undefined } {
  const values: RawValues = new Map();
  let configDir: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    if (!argument.startsWith("--") || argument === "--") {
      throw new ConfigError(argument, `Cannot use argument "${argument}": only --KEY VALUE or --KEY=VALUE is allowed`);
    }
    const equals = argument.indexOf("=");
    const name = argument.slice(2, equals < 0 ? undefined : equals);
    const option = name === "config-dir" ? undefined : known(name, `flag --${name}`, options);
    let text = equals < 0 ? undefined : argument.slice(equals + 1);
    if (text === undefined && option !== undefined && valueMeta(option).flag === true) {
      // A switch takes the next word only when that is plainly its value.
      text = /^(?:true|false)$/.test(argv[i + 1] ?? "") ? argv[++i] : "true";
    }
    text ??= nextValue(argv, ++i, name, option);
    if (name === "config-dir") configDir = text;
    const earlier = option !== undefined && valueMeta(option).repeatable === true ? values.get(name)?.text : undefined;
    const joined = earlier === undefined ? text : `${earlier},${text}`;
    if (option !== undefined) values.set(name, { text: joined, source: "flag", origin: `flag --${name}` });
  }
  return { values, configDir };
}

function nextValue(argv: readonly string[], index: number, name: string, option: Option | undefined): string {
  const text = argv[index];
  if (text !== undefined) return text;
  const expects = option === undefined ? "a folder with one file a key" : valueMeta(option).expects;
  throw new ConfigError(name, `Cannot use flag --${name}: key "${name}" has no value (allowed: ${expects})`);
}

function known(name: string, origin: string, options: Options): Option {
  const option = options.get(name);
  if (option !== undefined) return option;
  const suggestion = nearest(name, [...options.keys()]);
  const hint = suggestion === undefined ? `see --help for the ${options.size} keys` : `did you mean "${suggestion}"?`;
  throw new ConfigError(name, `Cannot use ${origin}: unknown key "${name}" (${hint})`);
}
