// SPDX-License-Identifier: Apache-2.0
// ADD of our CNI plugin beside the stock bridge plugin with host-local, in pairs, and many ADDs at once.
import { createSandbox, deleteSandbox } from "../apps/sandbox/index.ts";
import { Attachments, bridge, call, callLater, ours, type Plugin } from "./cni/attachments.ts";
import { type Benchmark, type Figures, inTurn, median, pairedRatio, percentile, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "cni",
  description: "ADD beside the stock bridge plugin, in pairs; 135 ADDs at once",
  run,
};

const rounds = 21;
const atOnce = 135;

async function run(progress: (line: string) => void): Promise<Figures> {
  const name = `bench-cn-${process.pid % 100000}`;
  try {
    const sandbox = await createSandbox({ name, nodes: 1 });
    using attachments = new Attachments();
    const host = attachments.namespace();
    const dataDir = attachments.folder();
    const variants = {
      // Both families, endpoint with policy; the bridge has IPv4 only.
      ours: ours(sandbox, "node1"),
      bridge: bridge(host, { name: "cni0", subnet: "10.91.0.0/24", ipMasq: false, dataDir }),
      "bridge, ipMasq": bridge(host, { name: "cni1", subnet: "10.93.0.0/24", ipMasq: true, dataDir }),
    } as const;
    progress("ADD in turn");
    const add = await inTurn(
      {
        ours: () => addAndDelete(attachments, variants.ours),
        bridge: () => addAndDelete(attachments, variants.bridge),
        "bridge, ipMasq": () => addAndDelete(attachments, variants["bridge, ipMasq"]),
      },
      rounds,
    );
    progress(`${atOnce} ADDs at once`);
    const burst = await together(attachments, variants.ours);
    return {
      rows: [
        ...(["ours", "bridge", "bridge, ipMasq"] as const).map((variant) => row("ADD", variant, "ms", add[variant])),
        row(`${atOnce} ADDs at once, each`, "ours", "ms", burst),
      ],
      ratios: [
        ratio("ADD: ours / bridge with host-local", pairedRatio(add.ours, add.bridge), "at most", 1),
        ratio("ADD: ours / bridge with host-local, ipMasq", pairedRatio(add.ours, add["bridge, ipMasq"]), "at most", 1),
        ratio(`${atOnce} ADDs at once: p50, s`, median(burst) / 1000, "at most", 5),
        ratio(`${atOnce} ADDs at once: p99, s`, percentile(burst, 0.99) / 1000, "at most", 5),
      ],
    };
  } finally {
    await deleteSandbox(name);
  }
}

function addAndDelete(attachments: Attachments, plugin: Plugin): number {
  const { ms, netns } = attachments.add(plugin);
  call(plugin, "DEL", netns);
  return ms;
}

/** All must succeed: one that fails ends the benchmark. */
async function together(attachments: Attachments, plugin: Plugin): Promise<readonly number[]> {
  const netns = Array.from({ length: atOnce }, () => attachments.namespace());
  const times = await Promise.all(netns.map((path) => callLater(plugin, "ADD", path)));
  for (const path of netns) call(plugin, "DEL", path);
  return times;
}
