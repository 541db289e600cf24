// SPDX-License-Identifier: Apache-2.0
// cilium-cni, the CNI plugin: the runtime calls it with CNI_* in the environment and the configuration on stdin.
import { text } from "node:stream/consumers";
import { runPlugin } from "./plugin.ts";

// A terminal has no configuration to give.
const stdin = process.stdin.isTTY ? "" : await text(process.stdin);
const outcome = await runPlugin({ env: process.env, stdin });
process.stdout.write(outcome.output);
process.exitCode = outcome.exitCode;
