// SPDX-License-Identifier: Apache-2.0
// Labels as users write them.

/** Whether the text names the label (`source:key=value`); its source, and its value, may be left out. */
export function namesLabel(text: string, label: string): boolean {
  const [, source = "", key = ""] = /^([^:=]*):([^=]*)/.exec(label) ?? [];
  return [label, `${source}:${key}`, key, label.slice(source.length + 1)].includes(text);
}
