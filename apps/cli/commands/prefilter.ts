// SPDX-License-Identifier: Apache-2.0
// prefilter: source prefixes that are dropped as soon as their packets come in.
import { readFile } from "node:fs/promises";
import type { AgentClient } from "../../../src/api/index.ts";
import { CiliumError, toError } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, listOption, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";

/** A call's body stays far below what the agent takes. */
const BATCH = 100_000;
/** Milliseconds; answers hold the whole list. */
const PATIENCE = 120_000;

const changes = {
  options: [
    ["--revision <number>", "only if the list is at this revision"],
    ["--file <file>", "prefixes from a file, one a line (- is standard input)"],
  ],
  repeated: [["--cidr <prefix>", "prefix, such as 192.0.2.0/24"]],
} as const;

export const prefilter: CommandSpec = {
  usage: "prefilter",
  summary: "Source prefixes that are dropped as soon as their packets come in",
  commands: [
    { usage: "list", aliases: ["ls"], summary: "Show the denied prefixes", run: list },
    {
      usage: "update",
      summary: "Deny prefixes",
      ...changes,
      run: (context, call) => change(context, call, "Updated", (client, spec) => client.updatePrefilter(spec)),
    },
    {
      usage: "delete",
      summary: "Deny prefixes no more",
      ...changes,
      run: (context, call) => change(context, call, "Deleted", (client, spec) => client.deletePrefilter(spec)),
    },
  ],
};

async function list(context: Context): Promise<void> {
  const { status } = await context.client(PATIENCE).getPrefilter();
  const { revision, deny } = status.realized;
  await context.result(status.realized, () => [`Revision: ${revision}`, ...deny]);
}

type Send = (
  client: AgentClient,
  spec: { revision: number; deny: readonly string[] },
) => Promise<{
  readonly status: { readonly realized: { readonly revision: number } };
}>;

async function change(context: Context, call: Call, done: string, send: Send): Promise<void> {
  const deny = [...listOption(call, "cidr"), ...(await fromFile(context, textOption(call, "file")))];
  if (deny.length === 0) throw new UsageError("Cannot change prefilter: give prefixes with --cidr or --file");
  let revision = revisionOption(textOption(call, "revision"));
  const client = context.client(PATIENCE);
  for (let from = 0; from < deny.length; from += BATCH) {
    const answer = await send(client, { revision, deny: deny.slice(from, from + BATCH) });
    revision = answer.status.realized.revision;
  }
  await context.result({ revision, entries: deny.length }, () => [`${done} ${deny.length} prefilter entries`]);
}

function revisionOption(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`Cannot read revision "${text}": not a number`);
  return Number(text);
}

async function fromFile(context: Context, path: string | undefined): Promise<readonly string[]> {
  if (path === undefined) return [];
  try {
    const text = path === "-" ? await context.io.stdin() : await readFile(path, "utf8");
    const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
    return lines.filter((line) => line !== "");
  } catch (error) {
    throw new CiliumError(`Cannot read prefixes "${path}": ${toError(error).message}`, { cause: error });
  }
}
