// SPDX-License-Identifier: Apache-2.0
// `cilium sandbox …`: the commands. Each one's work is in the file it calls.
import { type Command, InvalidArgumentError, Option } from "commander";
import { act, write } from "./command-act.ts";
import { registerObjectCommands } from "./command-objects.ts";
import { nameOption, outputOption, wholeNumber } from "./command-options.ts";
import { registerRunCommands } from "./command-run.ts";
import { createSandbox } from "./create.ts";
import { allSandboxes, deleteSandbox } from "./delete.ts";
import { SandboxError } from "./errors.ts";
import { alignColumns } from "./get/table.ts";
import { render } from "./output.ts";
import { sandboxStatus } from "./status.ts";
import { findSandbox, openSandbox } from "./store.ts";

/** Adds `sandbox` with its commands to a program. Errors are thrown by the actions, with `exitCode`. */
export function registerSandbox(program: Command): void {
  const sandbox = program
    .command("sandbox")
    .description("Several nodes on this machine, with real agents, eBPF and CNI, to try policies in seconds");
  registerLife(sandbox);
  registerObjectCommands(sandbox);
  registerRunCommands(sandbox);
}

function registerLife(sandbox: Command): void {
  sandbox
    .command("create")
    .description("Make a sandbox: nodes with their agents, ready")
    .addOption(nameOption())
    .option("--nodes <count>", "how many nodes", wholeNumber, 2)
    .addOption(new Option("--ipv4-only", "without IPv6").conflicts("ipv6Only"))
    .option("--ipv6-only", "without IPv4")
    .option("--set <key=value>", "configuration key of the agents (repeat)", setting, {})
    .option("--keep", "leave what was made when something fails, to look at it", false)
    .action(act(create));
  sandbox.command("list").description("List the sandboxes of this machine").addOption(outputOption()).action(act(list));
  sandbox
    .command("status")
    .description("Show how etcd, agents and pods are; exit code 1 when something is not well")
    .addOption(nameOption())
    .addOption(outputOption())
    .action(act(status));
  sandbox
    .command("delete")
    .description("Remove a sandbox with everything in it")
    .addOption(nameOption().conflicts("all"))
    .option("--all", "all sandboxes")
    .action(act(remove));
}

interface CreateFlags {
  name: string;
  nodes: number;
  ipv4Only?: boolean;
  ipv6Only?: boolean;
  set: Record<string, string>;
  keep: boolean;
}

async function create(flags: CreateFlags): Promise<void> {
  const since = performance.now();
  let last = since;
  const sandbox = await createSandbox({
    name: flags.name,
    nodes: flags.nodes,
    ipv4: flags.ipv6Only !== true,
    ipv6: flags.ipv4Only !== true,
    settings: flags.set,
    keep: flags.keep,
    onStep: (what) => {
      const now = performance.now();
      write(`  ${what} (${seconds(now - last)})\n`);
      last = now;
    },
  });
  const names = sandbox.nodes.map((node) => node.name).join(", ");
  write(`Sandbox "${sandbox.name}" is ready: ${names} (${seconds(performance.now() - since)})\n`);
}

function list(flags: { output?: string }): void {
  const rows = allSandboxes().map((name) => {
    const sandbox = findSandbox(name);
    return {
      name,
      nodes: sandbox?.nodes.length ?? 0,
      createdAt: sandbox?.createdAt ?? "",
      remains: sandbox === undefined,
    };
  });
  const table = () =>
    alignColumns([
      ["NAME", "NODES", "CREATED"],
      ...rows.map((row) => [row.name, String(row.nodes), row.remains ? "only remains: delete it" : row.createdAt]),
    ]);
  write(render(flags.output, rows, table));
}

async function status(flags: { name: string; output?: string }): Promise<void> {
  const found = await sandboxStatus(openSandbox(flags.name));
  const table = () => [
    `Sandbox:   ${found.name}`,
    `etcd:      ${found.etcd.state} (${found.etcd.url})`,
    "",
    ...alignColumns([
      ["NODE", "ADDRESSES", "AGENT", "PODS"],
      ...found.nodes.map(({ name, addresses, agent, pods }) => [
        name,
        addresses.join(","),
        agent.message === undefined ? agent.state : `${agent.state}: ${agent.message}`,
        `${pods.running}/${pods.total}`,
      ]),
    ]),
  ];
  write(render(flags.output, found, table));
  if (!found.healthy) process.exitCode = 1;
}

async function remove(flags: { name: string; all?: boolean }): Promise<void> {
  const names = flags.all ? allSandboxes() : [flags.name];
  for (const name of names) {
    if (await deleteSandbox(name)) write(`Sandbox "${name}" is gone\n`);
    else
      throw new SandboxError(`Cannot delete sandbox "${name}": there is none of that name (see "cilium sandbox list")`);
  }
  if (names.length === 0) write("There is no sandbox\n");
}

function setting(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError(`"${text}" is not KEY=VALUE.`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
