// SPDX-License-Identifier: Apache-2.0
// Configuration: options declared by the modules that use them, all sources merged, nothing unknown accepted.

import type { z } from "zod";
import { readArguments, readConfigDir, readEnvironment } from "./config-sources.ts";
import { formatDuration, type ValueMeta } from "./config-types.ts";
import { ConfigError } from "./errors.ts";
import { isSecretName, REDACTED, redactText } from "./log-redact.ts";
import { oneLine } from "./one-line.ts";

/** Where a value came from, in rising precedence. */
export type ConfigSource = "default" | "config-dir" | "environment" | "flag";

/** One key. `schema` reads the text that every source gives. */
export interface Option<T = unknown> {
  /** The key in kebab case, as in flags, file names and (in upper case with `_`) the environment. */
  readonly name: string;
  readonly schema: z.ZodType<T, string>;
  readonly default: T;
  readonly description: string;
}

/** Text found for a key in one source; `origin` says where, for messages. */
export interface RawValue {
  readonly text: string;
  readonly source: ConfigSource;
  readonly origin: string;
}

/** A value with how a source would write it: `2h13m20s`, `a,b`, `key=value`. */
export interface ConfigEntry {
  readonly value: unknown;
  readonly source: ConfigSource;
  readonly text: string;
}

/** The merged configuration. */
export interface Config {
  /** The value of a declared option; throws TypeError for one that `loadConfig` was not given. */
  get<T>(option: Option<T>): T;
  source(option: Option<never> | Option): ConfigSource;
  /** All values by key, sorted, for `config` and the log: without passwords in URLs and the like. */
  entries(): ReadonlyMap<string, ConfigEntry>;
}

/** A rule over several keys; returns what is wrong, or undefined. */
export type ConfigCheck = (
  config: Config,
) => { readonly key: string; readonly found: string; readonly allowed: string } | undefined;

/** Everything `loadConfig` looks at. */
export interface LoadConfigInput {
  // biome-ignore lint/suspicious/noExplicitAny: options of all value types stand in one list
  readonly options: readonly Option<any>[];
  readonly checks?: readonly ConfigCheck[];
  /** Folder with one file a key. A `--config-dir` in `argv`, or CILIUM_CONFIG_DIR, is used when this is absent. */
  readonly configDir?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Arguments without program and script: `process.argv.slice(2)`. */
  readonly argv?: readonly string[];
}

/** Declares an option; the type of its value follows from the schema. */
export function defineOption<T>(option: Option<T>): Option<T> {
  return option;
}

/** What a schema says about itself. */
export function valueMeta(option: Pick<Option, "schema">): ValueMeta {
  const found: Readonly<Record<string, unknown>> = option.schema.meta() ?? {};
  return {
    expects: typeof found["expects"] === "string" ? found["expects"] : "another value",
    flag: found["flag"] === true,
    repeatable: found["repeatable"] === true,
    isDuration: found["isDuration"] === true,
  };
}

/**
 * Reads config-dir, environment and flags (each overrules the one before it). An unknown key, a bad value, a conflict or
 * a stray argument is a ConfigError with one line that names the key, what was found and what is allowed.
 */
export function loadConfig(input: LoadConfigInput): Config {
  const options = new Map<string, Option>();
  for (const option of input.options) {
    if (options.has(option.name)) throw new TypeError(`Cannot declare option "${option.name}" twice`);
    options.set(option.name, option);
  }
  const env = input.env ?? {};
  const flags = readArguments(input.argv ?? [], options);
  const directory = input.configDir ?? flags.configDir ?? env["CILIUM_CONFIG_DIR"];
  const layers = [
    directory === undefined ? new Map<string, RawValue>() : readConfigDir(directory, options),
    readEnvironment(env, options),
    flags.values,
  ];
  const raw = new Map(layers.flatMap((layer) => [...layer]));

  const values = new Map<string, { value: unknown; source: ConfigSource }>();
  for (const name of [...options.keys()].sort()) {
    const option = options.get(name);
    const text = raw.get(name);
    if (option === undefined) continue;
    if (text === undefined) values.set(name, { value: option.default, source: "default" });
    else values.set(name, { value: parseValue(option, text), source: text.source });
  }
  const config = makeConfig(values, (name, value) => plainText(options.get(name), value));
  for (const check of input.checks ?? []) {
    const conflict = check(config);
    if (conflict !== undefined) {
      const { key, found, allowed } = conflict;
      throw new ConfigError(key, `Cannot use configuration: key "${key}" has ${found} (allowed: ${allowed})`);
    }
  }
  return config;
}

/** Help text: one block an option, sorted by name. */
export function optionHelp(options: readonly Pick<Option, "name" | "schema" | "default" | "description">[]): string {
  const lines: string[] = [];
  for (const option of options.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const meta = valueMeta(option);
    lines.push(`  --${option.name}${meta.flag === true ? "" : " VALUE"}`);
    const value = meta.isDuration === true ? formatDuration(Number(option.default)) : formatValue(option.default);
    lines.push(`        ${option.description} (${meta.expects}; default ${value})`);
  }
  return lines.join("\n");
}

/** The value as the text that a source would give, in quotes. */
function formatValue(value: unknown): string {
  if (value instanceof Map) return JSON.stringify([...value].map(([key, item]) => `${key}=${item}`).join(","));
  if (Array.isArray(value)) return JSON.stringify(value.join(","));
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function parseValue(option: Option, raw: RawValue): unknown {
  const result = option.schema.safeParse(raw.text);
  if (result.success) return result.data;
  const { expects } = valueMeta(option);
  throw new ConfigError(
    option.name,
    `Cannot use ${raw.origin}: key "${option.name}" has ${shortText(raw.text)} (allowed: ${expects})`,
  );
}

function plainText(option: Option | undefined, value: unknown): string {
  if (option !== undefined && valueMeta(option).isDuration === true) return formatDuration(Number(value));
  if (value instanceof Map) return [...value].map(([key, item]) => `${key}=${item}`).join(",");
  return Array.isArray(value) ? value.join(",") : String(value);
}

function makeConfig(
  values: ReadonlyMap<string, { value: unknown; source: ConfigSource }>,
  textOf: (name: string, value: unknown) => string,
): Config {
  const entry = (name: string) => {
    const found = values.get(name);
    if (found === undefined) throw new TypeError(`Cannot read option "${name}": not declared to loadConfig`);
    return found;
  };
  return {
    // The option's own schema made the value, so its type is the option's.
    get: <T>(option: Option<T>) => entry(option.name).value as T,
    source: (option) => entry(option.name).source,
    entries: () =>
      new Map(
        Array.from(values, ([name, entry]) => {
          const value = withoutSecrets(entry.value);
          return [name, { ...entry, value, text: textOf(name, value) }];
        }),
      ),
  };
}

function shortText(text: string): string {
  return JSON.stringify(oneLine(redactText(text), 200));
}

function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!(value instanceof Map)) return value;
  return new Map(
    Array.from(value, ([name, item]) => [name, isSecretName(`${name}`) ? REDACTED : withoutSecrets(item)]),
  );
}
