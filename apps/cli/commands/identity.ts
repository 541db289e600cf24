// SPDX-License-Identifier: Apache-2.0
// identity: numbers and the labels they stand for.
import type { Identity, IdentityEndpoints } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, listOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { alignTable, type Line } from "../output/table.ts";

export const identity: CommandSpec = {
  usage: "identity",
  summary: "Security identities",
  commands: [
    {
      usage: "list [labels...]",
      aliases: ["ls"],
      summary: "List identities, or those with all of the labels",
      options: [["--endpoints", "those of local endpoints, with how many use each"]],
      run: listIdentities,
    },
    {
      usage: "get [id]",
      summary: "Show an identity by number or labels",
      repeated: [["--label <label>", "identities with all of these labels"]],
      run: getIdentity,
    },
  ],
};

async function listIdentities(context: Context, call: Call): Promise<void> {
  if (flag(call, "endpoints")) {
    const used = await context.client().identityEndpoints();
    await context.result(used, () => formatUsed(used));
    return;
  }
  const identities = byId(await context.client().listIdentities(call.args.flatMap((text) => text.split(","))));
  await context.result(identities, () => formatIdentities(identities));
}

async function getIdentity(context: Context, call: Call): Promise<void> {
  const labels = listOption(call, "label");
  const [id] = call.args;
  if ((id === undefined) === (labels.length === 0)) {
    throw new UsageError("Cannot get identity: give either a number or --label");
  }
  if (id !== undefined && !/^\d+$/.test(id)) throw new UsageError(`Cannot get identity "${id}": not a number`);
  const client = context.client();
  const found = id === undefined ? byId(await client.listIdentities(labels)) : [await client.getIdentity(Number(id))];
  await context.result(found, () => formatIdentities(found));
}

/** `ID   LABELS`, further labels on lines of their own. */
export function formatIdentities(identities: readonly Identity[]): string[] {
  const rows = identities.flatMap(({ id, labels }): Line[] => {
    const [first = "", ...others] = [...labels].sort();
    return [[String(id), first], ...others.map((label): Line => ["", label])];
  });
  return alignTable([["ID", "LABELS"]], rows);
}

function formatUsed(used: readonly IdentityEndpoints[]): string[] {
  const rows = [...used]
    .sort((a, b) => a.identity.id - b.identity.id)
    .flatMap(({ identity: { id, labels }, refCount }): Line[] => {
      const [first = "", ...others] = [...labels].sort();
      return [[String(id), first, String(refCount)], ...others.map((label): Line => ["", label])];
    });
  return alignTable([["ID", "LABELS", "REFCOUNT"]], rows);
}

function byId(identities: readonly Identity[]): Identity[] {
  return [...identities].sort((a, b) => a.id - b.id);
}
