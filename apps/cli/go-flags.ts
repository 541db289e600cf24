// SPDX-License-Identifier: Apache-2.0
// Options as the flag library of Cilium's commands takes them, which scripts use: -o=json, --brief=false.
import type { Command, Option } from "commander";
import { childNamed, optionNamed, takesValue } from "./command-tree.ts";

/** The same arguments in commander's forms; what means nothing is left for commander to complain about. */
export function fromGoFlags(program: Command, args: readonly string[]): string[] {
  const end = args.indexOf("--");
  const words = end < 0 ? args : args.slice(0, end);
  const found: string[] = [];
  let command = program;
  let open = false;
  for (const word of words) {
    if (open || !word.startsWith("-")) {
      if (!open) command = childNamed(command, word) ?? command;
      open = false;
      found.push(word);
      continue;
    }
    const [name, value] = nameAndValue(word);
    const option = optionNamed(command, name);
    open = value === undefined && option?.required === true;
    found.push(...(value === undefined || option === undefined ? [word] : withValue(option, word, name, value)));
  }
  return [...found, ...args.slice(words.length)];
}

/** `-o=json` in two; no value where there is no `=`. */
function nameAndValue(word: string): readonly [name: string, value: string | undefined] {
  const match = /^(-[^-=]|--[^=]+)=(.*)$/s.exec(word);
  return [match?.[1] ?? word, match?.[2]];
}

/** Flags of Go are set by `=true` and left unset by `=false`, in any of these spellings. */
function withValue(option: Option, word: string, name: string, value: string): readonly string[] {
  if (takesValue(option)) return name.startsWith("--") ? [word] : [name, value];
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return [name];
  return /^(0|f|F|FALSE|false|False)$/.test(value) ? [] : [word];
}
