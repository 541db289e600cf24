// SPDX-License-Identifier: Apache-2.0
// Runs commands of cilium-dbg one after the other in one process: `commands.ts JSON`, an array of argument lists. Prints
// what each printed, as JSON.
import { run } from "../../../apps/cli/index.ts";

/** One command's end. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const results: CommandResult[] = [];
for (const args of JSON.parse(process.argv[2] ?? "[]") as readonly (readonly string[])[]) {
  let stdout = "";
  let stderr = "";
  const code = await run(args, {
    env: process.env,
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    stdin: async () => "",
    signal: AbortSignal.timeout(30_000),
    now: () => Date.now(),
  });
  results.push({ code, stdout, stderr });
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));
