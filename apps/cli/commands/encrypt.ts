// SPDX-License-Identifier: Apache-2.0
// encrypt: whether and how traffic between nodes is encrypted.
import type { StatusResponse } from "../../../src/api/index.ts";
import { CiliumError } from "../../../src/core/index.ts";
import type { CommandSpec } from "../define.ts";

const WIDTH = 26;

export const encrypt: CommandSpec = {
  usage: "encrypt",
  summary: "Encryption between nodes",
  commands: [
    {
      usage: "status",
      summary: "Show the state of the encryption",
      run: async (context) => {
        const { encryption } = await context.client().healthz({ brief: false });
        if (encryption === undefined) throw new CiliumError("Cannot show encryption: the agent tells nothing about it");
        await context.result(encryption, () => formatEncryption(encryption));
      },
    },
  ],
};

/** The word of the mode, padded as Cilium prints it, and what the agent says besides. */
function formatEncryption({ mode, msg }: NonNullable<StatusResponse["encryption"]>): string[] {
  const line = `Encryption: ${mode.padEnd(WIDTH)}`;
  return msg === undefined || msg === "" ? [line] : [line, msg];
}
