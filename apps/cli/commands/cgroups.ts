// SPDX-License-Identifier: Apache-2.0
// cgroups: which cgroups belong to which pods of this node.
import type { CgroupPodMetadata } from "../../../src/api/index.ts";
import type { CommandSpec } from "../define.ts";
import { alignTable } from "../output/table.ts";

export const cgroups: CommandSpec = {
  usage: "cgroups",
  summary: "Control groups of pods",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List the pods and the ids of their cgroups",
      options: [["--no-headers", "leave the header out"]],
      run: async (context, call) => {
        const { "pod-metadatas": pods } = await context.client().cgroups();
        await context.result(pods, () => formatCgroups(pods, call.options.headers !== false));
      },
    },
  ],
};

function formatCgroups(pods: readonly CgroupPodMetadata[], withHeader: boolean): string[] {
  const rows = pods.flatMap(({ name, namespace, containers }) =>
    containers.map(({ "cgroup-id": id }, i) => [...(i === 0 ? [name, namespace] : ["", ""]), String(id)]),
  );
  return alignTable(withHeader ? [["POD NAME", "POD NAMESPACE", "CGROUP IDS"]] : undefined, rows);
}
