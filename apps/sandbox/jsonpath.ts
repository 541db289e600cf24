// SPDX-License-Identifier: Apache-2.0
// kubectl's JSONPath templates, as far as scripts use them: text, {.a.b[0]["c"][*]}, {"\n"}, {range …}…{end}. Pure.
import { SandboxError } from "./errors.ts";

type Step = { readonly key: string } | { readonly index: number } | { readonly every: true };

/** Fills the template; several values are set apart by spaces, as kubectl does. Throws SandboxError (usage). */
export function evaluateJsonPath(template: string, value: unknown): string {
  const parts = template.split(/(\{(?:[^{}"']|"[^"]*"|'[^']*')*\})/).filter((part) => part !== "");
  return evaluate(parts, template, value, value);
}

function evaluate(parts: readonly string[], template: string, root: unknown, current: unknown): string {
  let text = "";
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? "";
    if (!part.startsWith("{")) {
      text += part;
      continue;
    }
    const expression = part.slice(1, -1).trim();
    if (expression === "end") throw bad(template, "{end} without {range}");
    if (expression.startsWith("range ")) {
      const end = matchingEnd(parts, i, template);
      const body = parts.slice(i + 1, end);
      for (const item of select(expression.slice(6), template, root, current))
        text += evaluate(body, template, root, item);
      i = end;
    } else if (/^(["']).*\1$/s.test(expression)) {
      text += undoEscapes(expression.slice(1, -1));
    } else {
      text += select(expression, template, root, current).map(show).join(" ");
    }
  }
  return text;
}

function matchingEnd(parts: readonly string[], from: number, template: string): number {
  let depth = 0;
  for (let i = from; i < parts.length; i++) {
    const expression = (parts[i] ?? "").replace(/^\{\s*|\s*\}$/g, "");
    if (parts[i]?.startsWith("{") && expression.startsWith("range ")) depth++;
    if (parts[i] === "{end}" && --depth === 0) return i;
  }
  throw bad(template, "{range} without {end}");
}

function select(path: string, template: string, root: unknown, current: unknown): unknown[] {
  const trimmed = path.trim();
  const from = trimmed.startsWith("$") ? root : current;
  let values: unknown[] = [from];
  for (const step of parsePath(trimmed.replace(/^[$@]/, ""), template))
    values = values.flatMap((value) => take(value, step));
  return values;
}

function take(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if ("every" in step) return Object.values(value);
  if ("index" in step)
    return Array.isArray(value) ? value.slice(step.index, step.index === -1 ? undefined : step.index + 1) : [];
  return Object.hasOwn(value, step.key) ? [(value as Record<string, unknown>)[step.key]] : [];
}

function parsePath(path: string, template: string): Step[] {
  const steps: Step[] = [];
  const token = /\.([A-Za-z0-9_-]+(?:\\\.[A-Za-z0-9_/-]+)*)|\[(-?\d+)\]|\[(["'])(.*?)\3\]|\[\*\]|\.\*|\.(?=\[|$)/gy;
  let at = 0;
  for (let match = token.exec(path); match !== null; match = token.exec(path)) {
    const [whole, name, index, , quoted] = match;
    if (name !== undefined) steps.push({ key: name.replaceAll("\\.", ".") });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else if (quoted !== undefined) steps.push({ key: quoted });
    else if (whole !== ".") steps.push({ every: true });
    at = token.lastIndex;
  }
  if (at !== path.length) throw bad(template, `"${path.slice(at)}" is no step`);
  return steps;
}

const undoEscapes = (text: string): string => text.replace(/\\n/g, "\n").replace(/\\t/g, "\t");

function show(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function bad(template: string, why: string): SandboxError {
  return new SandboxError(
    `Cannot use jsonpath "${template}": ${why} (expected paths such as {.items[*].status.podIP})`,
    { exitCode: 2 },
  );
}
