// SPDX-License-Identifier: Apache-2.0
// build-config: the configuration that holds for one node, written as the agent's --config-dir.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CiliumError } from "../../../src/core/index.ts";
import { parseManifests, type ResourceRow } from "../../../src/kubernetes/index.ts";
import { type ConfigSource, parseSource, resolveConfig } from "../config-sources.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, listOption, textOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { readInput } from "./policy/read.ts";

export const buildConfig: CommandSpec = {
  usage: "build-config",
  summary: "Write the configuration that applies to a node, from the objects in manifests",
  options: [
    ["--dest <dir>", "folder to write, one file a key", "/tmp/cilium/config-map"],
    ["--node-name <name>", "the node (default: K8S_NODE_NAME)"],
  ],
  repeated: [
    [
      "--source <source>",
      "config-map:[NAMESPACE/]NAME, cilium-node-config:NAMESPACE or node:[NAME]; later ones override",
    ],
    ["--allow-config-keys <keys>", "only these may be overridden"],
    ["--deny-config-keys <keys>", "these may not be overridden; ignored with --allow-config-keys"],
    ["-m, --manifests <file>", "files or folders that hold the objects"],
  ],
  plain: true,
  run: build,
};

async function build(context: Context, call: Call): Promise<void> {
  const files = listOption(call, "manifests").flatMap(filesOf);
  if (files.length === 0) {
    throw new UsageError("Cannot build configuration: give --manifests (the Kubernetes API is no source here)");
  }
  const rows: ResourceRow[] = [];
  for (const file of files) rows.push(...parseManifests(await readInput(context, file), file));
  const { config, notes } = resolveConfig(rows, sourcesOf(context, call), {
    nodeName: nodeName(context, call),
    allow: listOption(call, "allowConfigKeys"),
    deny: listOption(call, "denyConfigKeys"),
  });
  for (const note of notes) context.io.stderr(`${note}\n`);
  const folder = textOption(call, "dest") ?? "";
  writeFolder(folder, config);
  context.print([`Wrote ${config.size} keys to ${folder}`]);
}

function nodeName(context: Context, call: Call): string {
  return textOption(call, "nodeName") ?? context.io.env.K8S_NODE_NAME ?? "";
}

function sourcesOf(context: Context, call: Call): readonly ConfigSource[] {
  const namespace = context.io.env.CILIUM_K8S_NAMESPACE ?? "kube-system";
  const given = listOption(call, "source");
  const texts = given.length > 0 ? given : ["config-map:cilium-config", "cilium-node-config"];
  return texts.map((text) => {
    const source = parseSource(text, { namespace, nodeName: nodeName(context, call) });
    if (source !== undefined) return source;
    throw new UsageError(
      `Cannot use --source "${text}": expected config-map:[NAMESPACE/]NAME, cilium-node-config:NAMESPACE or node:[NAME]`,
    );
  });
}

/** A folder's manifests, or the file itself. */
function filesOf(path: string): string[] {
  if (path === "-" || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

/** Puts the new folder in the place of the old one. */
function writeFolder(folder: string, config: ReadonlyMap<string, string>): void {
  const [fresh, old] = [`${folder}.new-${process.pid}`, `${folder}.old-${process.pid}`];
  try {
    mkdirSync(dirname(folder), { recursive: true });
    mkdirSync(fresh);
    for (const [key, value] of config) writeFileSync(join(fresh, key), value);
    const there = statSync(folder, { throwIfNoEntry: false }) !== undefined;
    if (there) renameSync(folder, old);
    renameSync(fresh, folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CiliumError(`Cannot write configuration to "${folder}": ${code} (is it a folder that may be replaced?)`);
  } finally {
    for (const path of [fresh, old]) rmSync(path, { recursive: true, force: true });
  }
}
