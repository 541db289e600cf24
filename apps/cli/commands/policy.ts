// SPDX-License-Identifier: Apache-2.0
// policy: import, show, delete and check policies.
import { readFile } from "node:fs/promises";
import { CiliumError } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import type { Call, CommandSpec } from "../define.ts";
import { UsageError } from "../errors.ts";
import { alignTable, type Line } from "../output/table.ts";

export const policy: CommandSpec = {
  usage: "policy",
  summary: "Network policies",
  commands: [
    {
      usage: "get",
      summary: "Show the policies in force",
      run: async (context) => {
        const found = await context.client().getPolicy();
        await context.result(found, () => [
          // JSON of the agent's: texts in it hold no newline.
          ...found.policy.trimEnd().split("\n"),
          `Revision: ${found.revision}`,
        ]);
      },
    },
    {
      usage: "import <file>",
      summary: "Add or replace policies from a file of manifests (YAML or JSON; - is standard input)",
      run: async (context, call) => {
        const documents = await readPolicies(context, call.args[0] ?? "-");
        const answer = await context.client().putPolicy(documents.map(({ resource }) => resource));
        await context.result(answer, () => [`Revision: ${answer.revision}`]);
      },
    },
    {
      usage: "delete [name]",
      summary: "Delete an imported policy (NAMESPACE/NAME), or with --all all of them",
      options: [["--all", "all imported policies"]],
      run: deletePolicies,
    },
    {
      usage: "validate <file>",
      summary: "Check policies without an agent (- is standard input)",
      run: async (context, call) => {
        const documents = await readPolicies(context, call.args[0] ?? "-");
        const names = documents.map(({ policy: { namespace, name } }) => `${namespace}/${name}`);
        await context.result({ valid: true, policies: names }, () => names.map((name) => `Policy "${name}" is valid`));
      },
    },
    {
      usage: "selectors",
      summary: "Show selectors and the identities that they match",
      run: async (context) => {
        const selectors = await context.client().policySelectors();
        await context.result(selectors, () => {
          const rows = [...selectors]
            .sort((a, b) => (a.selector < b.selector ? -1 : 1))
            .flatMap(({ selector, labels, users, identities }): Line[] => {
              const [first = "", ...others] = [...identities].sort((a, b) => a - b).map(String);
              const names = labels.map(policyName).join(", ");
              return [[selector, names, String(users), first], ...others.map((id): Line => ["", "", "", id])];
            });
          return alignTable([["SELECTOR", "LABELS", "USERS", "IDENTITIES"]], rows);
        });
      },
    },
  ],
};

async function deletePolicies(context: Context, call: Call): Promise<void> {
  const [name] = call.args;
  const all = call.options.all === true;
  if ((name === undefined) !== all) {
    throw new UsageError("Cannot delete policy: give either a name or --all");
  }
  const answer = await context.client().deletePolicy(name);
  await context.result(answer, () => [`Revision: ${answer.revision}`]);
}

/** Reads and checks a file; errors name it with document and line. */
async function readPolicies(context: Context, file: string) {
  const shown = file === "-" ? "standard input" : file;
  const { parsePolicyDocuments } = await import("../../../src/policy/index.ts");
  const documents = parsePolicyDocuments(await readInput(context, file), shown);
  if (documents.length === 0) throw new CiliumError(`Cannot read policies from "${shown}": there is none in it`);
  return documents;
}

async function readInput(context: Context, file: string): Promise<string> {
  if (file === "-") return context.io.stdin();
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CiliumError(`Cannot read "${file}": ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

function policyName(labels: readonly { readonly key: string; readonly value: string }[]): string {
  const find = (suffix: string): string => labels.find(({ key }) => key.endsWith(suffix))?.value ?? "";
  const [namespace, name] = [find("policy.namespace"), find("policy.name")];
  return namespace === "" ? name : `${namespace}/${name}`;
}
