// SPDX-License-Identifier: Apache-2.0
// map: what the agent wants to be in the BPF maps, and how far the kernel is.
import { basename } from "node:path";
import type { BPFMap, MapEvent } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag } from "../define.ts";
import { alignTable } from "../output/table.ts";

export const map: CommandSpec = {
  usage: "map",
  summary: "The agent's view of the BPF maps",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List the maps that the agent keeps",
      options: [["--verbose", "with what the agent wants to be in them"]],
      run: listMaps,
    },
    {
      usage: "get <name>",
      summary: "Show what the agent wants to be in a map",
      run: async (context, call) => {
        const found = await context.client().getMap(call.args[0] ?? "");
        await context.result(found, () => formatMap(found));
      },
    },
    {
      usage: "events <name>",
      summary: "Show the last changes of a map",
      options: [["-f, --follow", "go on with changes as they happen"]],
      run: showEvents,
    },
  ],
};

async function listMaps(context: Context, call: Call): Promise<void> {
  const answer = await context.client().mapList();
  await context.result(answer, () => {
    if (!flag(call, "verbose")) return formatMaps(answer.maps);
    return answer.maps.flatMap((item) => [`## Map: ${basename(item.path)}`, ...formatMap(item), ""]);
  });
}

function formatMaps(maps: readonly BPFMap[]): string[] {
  const rows = maps.map(({ path, cache }) => {
    const errors = (cache ?? []).filter((entry) => entry["last-error"] !== undefined).length;
    return [basename(path), String(cache?.length ?? 0), String(errors), String(cache !== undefined)];
  });
  return alignTable([["Name", "Num entries", "Num errors", "Cache enabled"]], rows);
}

function formatMap({ cache }: BPFMap): string[] {
  if (cache === undefined) return ["Cache is disabled", ""];
  if (cache.length === 0) return ["Cache is empty", ""];
  return alignTable(
    [["Key", "Value", "State", "Error"]],
    cache.map((entry) => [entry.key, entry.value ?? "", entry["desired-action"] ?? "", entry["last-error"] ?? ""]),
  );
}

async function showEvents(context: Context, call: Call): Promise<void> {
  const { signal } = context.io;
  const follow = flag(call, "follow");
  for await (const event of context.client().mapEvents(call.args[0] ?? "", { follow, signal })) {
    await context.result(event, () => [formatEvent(event)]);
  }
  if (signal.aborted) context.io.stderr("\nReceived an interrupt, disconnecting from event stream...\n\n");
}

function formatEvent(event: MapEvent): string {
  return [
    `key=${JSON.stringify(event.key)}`,
    `value=${JSON.stringify(event.value ?? "")}`,
    `time=${event.timestamp.replace(/\.\d+/, "")}`,
    `action=${event.action}`,
    `desiredState=${event["desired-action"] ?? ""}`,
    `lastError=${JSON.stringify(event["last-error"] ?? "")}`,
  ].join(" ");
}
