// SPDX-License-Identifier: Apache-2.0
// endpoint config: the options of one endpoint.
import type { CommandSpec } from "../define.ts";
import { flag } from "../define.ts";
import { UsageError } from "../errors.ts";
import { changeableOptions } from "./changeable-options.ts";
import { configRows, optionLines } from "./config-rows.ts";

export const endpointConfig: CommandSpec = {
  usage: "config [id] [changes...]",
  summary: "Show an endpoint's options, or change them with OPTION=VALUE (default: as the agent's)",
  options: [["--list-options", "options that can be changed"]],
  run: async (context, call) => {
    if (flag(call, "listOptions")) {
      context.print(optionLines(changeableOptions("endpoint")));
      return;
    }
    const [id, ...changes] = call.args;
    if (id === undefined) throw new UsageError("Cannot configure endpoint: give its id");
    const client = context.client();
    if (changes.length > 0) {
      await client.patchEndpointConfig(id, { options: Object.fromEntries(changes.map(readChange)) });
      context.print([`Endpoint ${id} configuration updated successfully`]);
      return;
    }
    const found = await client.endpointConfig(id);
    await context.result(found, () => [
      ...configRows(found.immutable ?? {}),
      ...configRows(found.realized.options ?? {}),
    ]);
  },
};

function readChange(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new UsageError(`Cannot change "${text}": not OPTION=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}
