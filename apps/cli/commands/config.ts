// SPDX-License-Identifier: Apache-2.0
// config: show and change the agent's configuration.
import type { DaemonConfiguration, DaemonConfigurationSpec } from "../../../src/api/index.ts";
import { CiliumError } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag } from "../define.ts";
import { UsageError } from "../errors.ts";

export const config: CommandSpec = {
  usage: "config [changes...]",
  summary: "Show the agent's configuration, or change it with OPTION=VALUE",
  options: [
    ["-r, --read-only", "what cannot be changed"],
    ["-a, --all", "everything"],
    ["--list-options", "options that can be changed"],
  ],
  run: showOrChange,
  commands: [
    {
      usage: "get <name>",
      summary: "Show one value",
      run: async (context, call) => {
        const values = allValues(await context.client().getConfig());
        const name = call.args[0] ?? "";
        const found = values.get(name) ?? values.get(name.toLowerCase());
        if (found === undefined) throw new CiliumError(`Cannot get "${name}": no such option (see config --all)`);
        await context.result({ [name]: found }, () => [show(found)]);
      },
    },
  ],
};

async function showOrChange(context: Context, call: Call): Promise<void> {
  const client = context.client();
  if (call.args.length > 0) {
    await client.patchConfig(parseChanges(call.args));
    return;
  }
  const answer = await client.getConfig();
  if (flag(call, "listOptions")) {
    context.print(Object.keys(answer.spec.options ?? {}).sort());
    return;
  }
  await context.result(answer, () =>
    formatConfig(answer, { readOnly: flag(call, "readOnly"), all: flag(call, "all") }),
  );
}

/** Options to their words, `PolicyEnforcement` apart. Throws UsageError. */
function parseChanges(args: readonly string[]): DaemonConfigurationSpec {
  const options: Record<string, string> = {};
  let enforcement: DaemonConfigurationSpec["policy-enforcement"];
  for (const arg of args) {
    const at = arg.indexOf("=");
    if (at <= 0) throw new UsageError(`Cannot change "${arg}": not OPTION=VALUE`);
    const [name, value] = [arg.slice(0, at), arg.slice(at + 1)];
    if (name.toLowerCase() !== "policyenforcement") options[name] = value;
    else if (value === "default" || value === "always" || value === "never") enforcement = value;
    else throw new UsageError(`Cannot set PolicyEnforcement to "${value}": expected default, always or never`);
  }
  return {
    ...(Object.keys(options).length === 0 ? {} : { options }),
    ...(enforcement === undefined ? {} : { "policy-enforcement": enforcement }),
  };
}

/** The screen of `config`. */
export function formatConfig(
  answer: DaemonConfiguration,
  { readOnly, all }: { readOnly: boolean; all: boolean },
): string[] {
  const lines: string[] = [];
  if (readOnly || all) {
    lines.push("#### Read-only configurations ####");
    for (const [name, value] of Object.entries(answer.status.daemonConfigurationMap).sort())
      lines.push(row(name, value));
  }
  if (all) lines.push("");
  if (!readOnly || all) {
    lines.push("##### Read-write configurations #####");
    for (const [name, value] of [...changeable(answer)].sort()) lines.push(row(name, value));
  }
  return lines;
}

function changeable({ status: { realized, nodeMonitor } }: DaemonConfiguration): Map<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(realized.options ?? {}));
  if (nodeMonitor !== undefined) values.set("MonitorNumPages", nodeMonitor.npages);
  if (realized["policy-enforcement"] !== undefined) values.set("PolicyEnforcement", realized["policy-enforcement"]);
  return values;
}

function allValues(answer: DaemonConfiguration): Map<string, unknown> {
  return new Map([...Object.entries(answer.status.daemonConfigurationMap), ...changeable(answer)]);
}

function row(name: string, value: unknown): string {
  return `${name.padEnd(34)}: ${show(value)}`;
}

function show(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
