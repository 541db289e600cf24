// SPDX-License-Identifier: Apache-2.0
// bpf fs: where the bpffs is mounted.
import { readFile } from "node:fs/promises";
import { CiliumError } from "../../../../src/core/index.ts";
import type { CommandSpec } from "../../define.ts";
import { bpfRoot, bpfRootOption } from "./maps.ts";

/** Fields of a line of mountinfo, in the order of proc(5). */
const titles = [
  "MountID",
  "ParentID",
  "Mounted State",
  "MountPoint",
  "MountOptions",
  "OptionFields",
  "FilesystemType",
  "MountSource",
  "SuperOptions",
] as const;
const TITLE_WIDTH = 18;

export const fs: CommandSpec = {
  usage: "fs",
  summary: "File system of the pinned maps and programs",
  commands: [
    {
      usage: "show",
      summary: "Show how it is mounted",
      options: [bpfRootOption],
      run: async (context, call) => {
        const root = await bpfRoot(context, call);
        const mount = findMount(await readFile("/proc/self/mountinfo", "utf8"), root);
        if (mount === undefined) throw new CiliumError(`Cannot show the bpffs of "${root}": none is mounted there`);
        await context.result(mount, () =>
          titles.map((title) => `${`${title}:`.padEnd(TITLE_WIDTH)}${mount[title]}`.trimEnd()),
        );
      },
    },
  ],
};

/** The uppermost bpffs whose mount point holds `root`, from the text of mountinfo. */
function findMount(text: string, root: string): Record<(typeof titles)[number], string> | undefined {
  const mounts = text.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [id = "", parent = "", , , point = "", options = "", ...optional] = left.split(" ");
    const [type = "", source = "", superOptions = ""] = right.split(" ");
    if (type !== "bpf" || !`${root}/`.startsWith(`${point}/`)) return [];
    return [[id, parent, "true", point, options, `[${optional.join(" ")}]`, type, source, superOptions]];
  });
  const found = mounts.toSorted((a, b) => (b[3] ?? "").length - (a[3] ?? "").length)[0];
  if (found === undefined) return undefined;
  return Object.fromEntries(titles.map((title, i) => [title, found[i] ?? ""])) as Record<
    (typeof titles)[number],
    string
  >;
}
