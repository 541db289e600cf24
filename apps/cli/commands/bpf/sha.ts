// SPDX-License-Identifier: Apache-2.0
// bpf sha: loads of the datapath's programs, and which endpoints run them.
import { CiliumError } from "../../../../src/core/index.ts";
import { type GenerationUse, generationsInUse } from "../../../../src/datapath/index.ts";
import type { CommandSpec } from "../../define.ts";
import { alignTable } from "../../output/table.ts";
import { bpfRoot, bpfRootOption, printPairs, requireRoot } from "./maps.ts";

export const sha: CommandSpec = {
  usage: "sha",
  summary: "Loads of the datapath's programs, by their digest",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List loads and the endpoints that run them",
      options: [bpfRootOption],
      run: async (context, call) => {
        requireRoot();
        const users = Array.from(byDigest(generationsInUse(await bpfRoot(context, call))));
        const pairs = users.flatMap(([digest, endpoints]): [string, string][] =>
          endpoints.length === 0 ? [[digest, "-"]] : endpoints.map((id) => [digest, String(id)]),
        );
        if (context.structured) await context.result(Object.fromEntries(users), () => []);
        else await printPairs(context, ["Datapath SHA", "Endpoint(s)"], pairs);
      },
    },
    {
      usage: "get <sha>",
      summary: "Show the programs of a load",
      options: [bpfRootOption],
      run: async (context, call) => {
        requireRoot();
        const [digest = ""] = call.args;
        const found = generationsInUse(await bpfRoot(context, call)).filter((use) => use.digest === digest);
        if (found.length === 0) throw new CiliumError(`Cannot show load "${digest}": there is none (see bpf sha list)`);
        const programs = found.flatMap((use) => use.programs);
        await context.result(programs, () =>
          alignTable(
            [["PROGRAM", "ID", "INSTRUCTIONS"]],
            programs.map(({ name, id, instructions }) => [name, String(id), String(instructions)]),
          ),
        );
      },
    },
  ],
};

/** Endpoints of each digest: the same programs may be loaded more than once. */
function byDigest(uses: readonly GenerationUse[]): Map<string, string[]> {
  const groups = Map.groupBy(uses, ({ digest }) => digest);
  return new Map(
    Array.from(groups, ([digest, some]) => [
      digest,
      some
        .flatMap(({ endpoints }) => endpoints)
        .sort((a, b) => a - b)
        .map(String),
    ]),
  );
}
