// SPDX-License-Identifier: Apache-2.0
// cilium-cni, the CNI plugin: the runtime calls it with CNI_* in the environment and the configuration on stdin.
import { sizeLimit } from "./config-fields.ts";
import { runPlugin } from "./plugin.ts";

// A terminal has no configuration to give.
const stdin = process.stdin.isTTY ? "" : await readStdin();
const outcome = await runPlugin({ env: process.env, stdin });
process.stdout.write(outcome.output);
process.exitCode = outcome.exitCode;

/** What is on stdin; of what is too large only as much as shows that. Nothing when it cannot be read. */
async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > 4 * sizeLimit) break;
    }
  } catch {
    return "";
  }
  return Buffer.concat(chunks).toString("utf8");
}
