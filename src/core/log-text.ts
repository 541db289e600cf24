// SPDX-License-Identifier: Apache-2.0
// The text form of a log line: `time=… level=info msg="…" key=value`, coloured on a terminal.

const COLORS: Readonly<Record<string, string>> = { error: "31", warn: "33", info: "36", debug: "2", trace: "2" };
const PLAIN_VALUE = /^[^\s"=\\]+$/;

/** Turns one JSON line of the logger into text. Control characters in values come out escaped. */
export function formatTextLine(json: string, env: Readonly<Record<string, string | undefined>>): string {
  const line: Record<string, unknown> = JSON.parse(json);
  const { level, time, msg, ...fields } = line;
  const parts = [`time=${String(time)}`, `level=${paint(String(level), env)}`, `msg=${quote(String(msg))}`];
  for (const [name, value] of Object.entries(fields)) {
    parts.push(`${name}=${typeof value === "string" ? quote(value) : quote(JSON.stringify(value) ?? "")}`);
  }
  return `${parts.join(" ")}\n`;
}

function quote(value: string): string {
  if (PLAIN_VALUE.test(value) && !hasControl(value)) return value;
  return JSON.stringify(value).replace(
    /[\u007f-\u009f]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function hasControl(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

function paint(level: string, env: Readonly<Record<string, string | undefined>>): string {
  const color = COLORS[level];
  const plain = (env["NO_COLOR"] ?? "") !== "" || process.stderr.isTTY !== true || color === undefined;
  return plain ? level : `\u001b[${color}m${level}\u001b[0m`;
}
