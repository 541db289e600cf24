// SPDX-License-Identifier: Apache-2.0
// `sandbox apply`, `remove` and `get`.
import type { Command } from "commander";
import { type AppliedObject, applyObjects, removeObjects } from "./apply.ts";
import { act, write } from "./command-act.ts";
import { nameOption, namespaceOption, outputOption } from "./command-options.ts";
import { getObjects } from "./get/get.ts";
import { formatTable } from "./get/table.ts";
import { readInputs } from "./manifests/input.ts";
import { kindOf } from "./manifests/kinds.ts";
import { render } from "./output.ts";
import { openSandbox } from "./store.ts";

export function registerObjectCommands(sandbox: Command): void {
  sandbox
    .command("apply")
    .description("Apply manifests; returns when pods are ready and policies in force")
    .addOption(nameOption())
    .requiredOption("-f, --filename <path>", "file, folder or - for stdin (repeat)", collect, [])
    .option("--no-wait", "return as soon as everything is started")
    .action(act(apply));
  sandbox
    .command("remove")
    .description("Remove the objects of manifests")
    .addOption(nameOption())
    .requiredOption("-f, --filename <path>", "file, folder or - for stdin (repeat)", collect, [])
    .option("--no-wait", "do not wait until policies are out of force")
    .action(act(remove));
  sandbox
    .command("get")
    .description("Show pods, nodes, deployments, services, namespaces, cnp, …")
    .argument("<kind>")
    .argument("[object]", "name of one object")
    .addOption(nameOption())
    .addOption(namespaceOption())
    .option("-A, --all-namespaces", "of all namespaces", false)
    .addOption(outputOption())
    .action(act(get));
}

interface InputFlags {
  name: string;
  filename: string[];
  wait: boolean;
}

async function apply(flags: InputFlags): Promise<void> {
  openSandbox(flags.name);
  await applyObjects(flags.name, readInputs(flags.filename), { wait: flags.wait, onObject: print });
}

async function remove(flags: InputFlags): Promise<void> {
  openSandbox(flags.name);
  await removeObjects(flags.name, readInputs(flags.filename), { wait: flags.wait, onObject: print });
}

function print({ row, outcome }: AppliedObject): void {
  write(`${kindOf(row.kind)?.printed ?? row.kind}/${row.name} ${outcome}\n`);
}

interface GetFlags {
  name: string;
  namespace: string;
  allNamespaces: boolean;
  output?: string;
}

function get(kind: string, object: string | undefined, flags: GetFlags): void {
  const { name, namespace, allNamespaces, output } = flags;
  const options = { kind, namespace, allNamespaces, ...(object !== undefined && { name: object }) };
  const found = getObjects(openSandbox(name), options);
  const list = {
    apiVersion: found.kind.apiVersions[0],
    kind: `${found.kind.kind}List`,
    metadata: {},
    items: found.items,
  };
  const value = object === undefined ? list : found.items[0];
  write(render(output, value, () => formatTable(found, { allNamespaces, namespace })));
}

function collect(path: string, before: string[]): string[] {
  return [...before, path];
}
