// SPDX-License-Identifier: Apache-2.0
// Lines of the shell: words between spaces, 'quoted words' ('' is one quote in them), comments behind #.
import { CiliumError } from "../../core/index.ts";

/** Words of a line; none for an empty one. Throws CiliumError for a quote that does not end. */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? "";
    if (character === "'") {
      const [text, end] = readQuoted(line, at + 1);
      word = (word ?? "") + text;
      at = end;
    } else if (/[\s#]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      if (character === "#") return words;
    } else word = (word ?? "") + character;
  }
  return word === undefined ? words : [...words, word];
}

/** The text up to the closing quote, and where that is. */
function readQuoted(line: string, from: number): [text: string, end: number] {
  let text = "";
  for (let at = from; at < line.length; at++) {
    if (line[at] !== "'") text += line[at];
    else if (line[at + 1] === "'") {
      text += "'";
      at++;
    } else return [text, at];
  }
  throw new CiliumError(`Cannot read the line: a quote at character ${from} does not end`);
}

/** A word as splitLine() reads it again. */
export function quoteWord(word: string): string {
  return word === "" || /['\s#]/.test(word) ? `'${word.replaceAll("'", "''")}'` : word;
}
