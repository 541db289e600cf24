// SPDX-License-Identifier: Apache-2.0
// Regular expressions of whoever uses the shell: in linear time, whatever they are.
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { CiliumError } from "../../core/index.ts";

/** Whether a text has a match. Throws CiliumError for what is no regular expression. */
export function userPattern(pattern: string): (text: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.matcher(text).find();
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    throw new CiliumError(`Cannot use pattern "${pattern}": ${error.message}`);
  }
}
