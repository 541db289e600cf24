// SPDX-License-Identifier: Apache-2.0
// What goes over shell.sock, as the clients of Cilium's shell read it. A client sends lines; each is one command. The
// answer is text; its last line is `<<end>>`, or the error followed by `<<error>>`. `exit`, `quit` and `stop` end the
// session.

/** Ends the output of a command. */
export const endMarker = "<<end>>";

/** Ends the message of a command that failed. */
export const errorMarker = "<<error>>";

/** Line before output that a command gives as a whole; clients leave it out. */
export const stdoutMarker = "[stdout]";

/** Line before what a command says beside its output; we send none. */
export const stderrMarker = "[stderr]";

/** Characters of a line. */
export const maxLine = 4096;

/** Lines that end a session. */
export const exitWords: ReadonlySet<string> = new Set(["exit", "quit", "stop"]);

const marker = new RegExp(
  `(?:${endMarker}|${errorMarker})$|^(?:${[stdoutMarker, stderrMarker].map((word) => word.replace(/[[\]]/g, "\\$&")).join("|")})$`,
  "gm",
);

/** Output whose lines cannot be taken for a marker: a space follows what looks like one. */
export function withoutMarkers(text: string): string {
  return text.replace(marker, "$& ");
}
