// SPDX-License-Identifier: Apache-2.0
// Text from labels, names and messages must not steer the terminal.

/** C0 (but tab and newline), DEL, C1, line separators, and the characters that turn the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const dangerous = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Shows control characters as `\x1b` or `\u202e`; tab and newline stay. */
export function neutralise(text: string): string {
  return text.replaceAll(dangerous, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
  });
}

/** As neutralise(), and newlines too: whatever a line holds, it stays one. */
export function neutraliseLine(text: string): string {
  return neutralise(text).replaceAll("\n", "\\n");
}

/** As neutraliseLine(), and tabs too, which would move a column. */
export function neutraliseCell(text: string): string {
  return neutraliseLine(text).replaceAll("\t", "\\t");
}

/** JSON text whose strings hold none of them, with the same meaning. */
export function neutraliseJson(json: string): string {
  return json.replaceAll(dangerous, (character) => `\\u${hex(character.charCodeAt(0), 4)}`);
}

/** Whether there is anything to neutralise. */
export function isDangerous(text: string): boolean {
  dangerous.lastIndex = 0;
  const found = dangerous.test(text);
  dangerous.lastIndex = 0;
  return found;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
