// SPDX-License-Identifier: Apache-2.0
// endpoint labels: the labels of one endpoint, and those that users give it.
import type { LabelConfigurationStatus } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, listOption } from "../define.ts";
import { namesLabel } from "../labels.ts";
import { alignTable, type Line } from "../output/table.ts";

export const endpointLabels: CommandSpec = {
  usage: "labels <id>",
  summary: "Show an endpoint's labels, or change those that users give it",
  repeated: [
    ["-a, --add <labels>", "labels to add"],
    ["-d, --delete <labels>", "labels to delete"],
  ],
  run: async (context, call) => {
    const labels = await changedLabels(context, call);
    await context.result(labels, () => formatLabels(labels));
  },
};

async function changedLabels(context: Context, call: Call): Promise<LabelConfigurationStatus> {
  const id = call.args[0] ?? "";
  const [add, remove] = [listOption(call, "add"), listOption(call, "delete")];
  const client = context.client();
  const { spec, status } = await client.endpointLabels(id);
  if (add.length + remove.length === 0) return status;
  const user = new Set(
    [...(spec.user ?? []), ...add.map(withSource)].filter((label) => !remove.some((text) => namesLabel(text, label))),
  );
  return (await client.patchEndpointLabels(id, { user: [...user].sort() })).status;
}

/** A label without a source is of the user's own. */
function withSource(label: string): string {
  return /^[^=]*:/.test(label) ? label : `unspec:${label}`;
}

function formatLabels(labels: LabelConfigurationStatus): string[] {
  const row =
    (word: string) =>
    (label: string): Line => [label, word];
  return alignTable(undefined, [
    ...labels["security-relevant"].map(row("Enabled")),
    ...(labels.disabled ?? []).map(row("Disabled")),
  ]);
}
