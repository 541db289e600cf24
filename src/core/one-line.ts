// SPDX-License-Identifier: Apache-2.0
// Text that others wrote, inside of a message of ours: on one line, without control characters, not without end.

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a message
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** The text with control characters and line ends as `\u000a`, cut to `longest` characters. */
export function oneLine(text: string, longest = 1000): string {
  const cut = text.length <= longest ? text : `${text.slice(0, longest)}…`;
  return cut.replace(unprintable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
