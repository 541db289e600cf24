// SPDX-License-Identifier: Apache-2.0
// How configuration is shown: a line an option, booleans as Enabled and Disabled.

const NAME_WIDTH = 34;
const INNER_WIDTH = 26;
const OPTION_WIDTH = 24;

/** Sorted `NAME : VALUE` lines. */
export function configRows(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => configRow(name, switchWord(value)));
}

/** One line; the value as it is. */
export function configRow(name: string, value: unknown): string {
  return `${name.padEnd(NAME_WIDTH)}: ${configValue(value)}`;
}

/** The lines of a start-up option; one that is a map is its name, then a line for each of its keys. */
export function startUpRows(name: string, value: unknown): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [configRow(name, value)];
  const inner = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return [name, ...inner.map(([key, part]) => `\t${key.padEnd(INNER_WIDTH)}: ${configValue(switchWord(part))}`)];
}

/** `NAME description` lines of options that can be changed. */
export function optionLines(options: readonly (readonly [name: string, description: string])[]): string[] {
  return options.map(([name, description]) => `${name.padEnd(OPTION_WIDTH)} ${description}`);
}

/** A value as text. */
export function configValue(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Boolean-like words as Enabled or Disabled, everything else as it is. */
function switchWord(value: unknown): unknown {
  if (/^(true|on|enabled?)$/i.test(String(value))) return "Enabled";
  return /^(false|off|disabled?)$/i.test(String(value)) ? "Disabled" : value;
}
