// SPDX-License-Identifier: Apache-2.0
// config: show and change the agent's configuration.
import type { DaemonConfiguration, DaemonConfigurationSpec } from "../../../src/api/index.ts";
import { CiliumError } from "../../../src/core/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { changeableOptions } from "./changeable-options.ts";
import { configRow, configRows, configValue, optionLines, startUpRows } from "./config-rows.ts";

export const config: CommandSpec = {
  usage: "config [changes...]",
  summary: "Show the agent's configuration, or change it with OPTION=VALUE",
  options: [
    ["-r, --read-only", "what cannot be changed"],
    ["-a, --all", "everything"],
    ["-n, --num-pages <number>", "accepted for compatibility: the size of the ring buffer is fixed"],
    ["--list-options", "options that can be changed"],
  ],
  run: showOrChange,
  commands: [
    {
      usage: "get <name>",
      summary: "Show one value",
      run: async (context, call) => {
        const name = call.args[0] ?? "";
        const found = findValue(await context.client().getConfig(), name);
        if (found === undefined) throw new CiliumError(`Cannot get "${name}": no such option (see config --all)`);
        await context.result({ [name]: found }, () => [configValue(found)]);
      },
    },
  ],
};

async function showOrChange(context: Context, call: Call): Promise<void> {
  if (flag(call, "listOptions")) {
    context.print(optionLines(changeableOptions("agent")));
    return;
  }
  const client = context.client();
  const pages = textOption(call, "numPages");
  if (call.args.length > 0) await client.patchConfig(parseChanges(call.args));
  const answer = await client.getConfig();
  if (pages !== undefined) checkPages(answer, pages);
  if (call.args.length > 0 || pages !== undefined) return;
  const wanted = { readOnly: flag(call, "readOnly"), all: flag(call, "all") };
  await context.result(model(answer, wanted), () => formatConfig(answer, wanted));
}

/** The ring buffer's size is the build's; asking for the one it has is no change. */
function checkPages({ status: { nodeMonitor } }: DaemonConfiguration, text: string): void {
  if (Number(text) === nodeMonitor?.npages) return;
  throw new UsageError(
    `Cannot set MonitorNumPages to "${text}": it cannot be changed here (it is ${nodeMonitor?.npages ?? "not known"})`,
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

interface Wanted {
  readonly readOnly: boolean;
  readonly all: boolean;
}

/** What `-o` gives: options that may be changed, those of the start, or both. */
function model({ status }: DaemonConfiguration, { readOnly, all }: Wanted): unknown {
  if (readOnly) return status.daemonConfigurationMap;
  return all ? { ...status.daemonConfigurationMap, ...status.realized } : (status.realized.options ?? {});
}

/** The screen of `config`. */
function formatConfig(answer: DaemonConfiguration, { readOnly, all }: Wanted): string[] {
  return [
    ...(readOnly || all ? readOnlyLines(answer) : []),
    ...(readOnly ? [] : ["##### Read-write configurations #####", ...readWriteLines(answer)]),
  ];
}

function readOnlyLines({ status }: DaemonConfiguration): string[] {
  const started = Object.entries(status.daemonConfigurationMap).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    "#### Read-only configurations ####",
    ...started.flatMap(([name, value]) => startUpRows(name, value)),
    configRow("k8s-configuration", status["k8s-configuration"] ?? ""),
    configRow("k8s-endpoint", status["k8s-endpoint"] ?? ""),
    ...configRows(status.immutable ?? {}),
  ];
}

function readWriteLines({ status: { realized, nodeMonitor } }: DaemonConfiguration): string[] {
  return [
    ...configRows(realized.options ?? {}),
    ...(nodeMonitor === undefined ? [] : [configRow("MonitorNumPages", nodeMonitor.npages)]),
    configRow("PolicyEnforcement", realized["policy-enforcement"] ?? ""),
  ];
}

/** By its name in any case, with or without hyphens: enable-ipv4, EnableIPv4. */
function findValue({ status }: DaemonConfiguration, name: string): unknown {
  const { realized, nodeMonitor, daemonConfigurationMap, immutable } = status;
  const values = Object.entries({
    ...daemonConfigurationMap,
    ...immutable,
    ...realized.options,
    ...(nodeMonitor === undefined ? {} : { MonitorNumPages: nodeMonitor.npages }),
    PolicyEnforcement: realized["policy-enforcement"],
  });
  return values.find(([key]) => plainName(key) === plainName(name))?.[1];
}

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^\w]/g, "");
}
