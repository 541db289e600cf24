// SPDX-License-Identifier: Apache-2.0
// features: what the kernel can do, and what is done where it cannot.
import { AgentUnreachableError, type KernelFeature, type KernelFeatures } from "../../../src/api/index.ts";
import { type CommandSpec, flag } from "../define.ts";
import { alignTable } from "../output/table.ts";
import { showMetrics } from "./metrics.ts";

export const features: CommandSpec = {
  usage: "features",
  summary:
    "List what was probed in the kernel: result, first kernel that has it, CONFIG name, and what is done without",
  options: [["--missing", "only what is not there"]],
  run: async (context, call) => {
    const answer = await ask(() => context.client().features());
    const shown = flag(call, "missing") ? answer.features.filter(({ available }) => !available) : answer.features;
    await context.result({ ...answer, features: shown }, () => [`Kernel ${answer.kernel}`, ...formatFeatures(shown)]);
  },
  commands: [
    {
      usage: "status",
      summary: "List the features that are used, by their metrics",
      run: (context) => showMetrics(context, context.shellSocket, ["^cilium_feature_"]),
    },
  ],
};

/** `FEATURE   RESULT   KERNEL   CONFIG   WITHOUT IT   REASON`. */
function formatFeatures(list: readonly KernelFeature[]): string[] {
  return alignTable(
    [["FEATURE", "RESULT", "KERNEL", "CONFIG", "WITHOUT IT", "REASON"]],
    list.map(({ name, available, "min-kernel": kernel, config, fallback, reason }) => [
      ...[name, available ? "yes" : "no", kernel, config ?? "-", fallback ?? "nothing uses it yet", reason ?? ""],
    ]),
  );
}

/** Of the agent; where none runs, probed here, which needs root. */
async function ask(agent: () => Promise<KernelFeatures>): Promise<KernelFeatures> {
  try {
    return await agent();
  } catch (error) {
    if (!(error instanceof AgentUnreachableError) || process.getuid?.() !== 0) throw error;
    const { release } = await import("node:os");
    const { usedFeatures } = await import("../../../src/datapath/index.ts");
    const list = usedFeatures().map(({ name, available, minKernel, config, reason, fallback }) => ({
      ...{ name, available, "min-kernel": minKernel, config },
      ...(reason === undefined ? {} : { reason }),
      ...(fallback === undefined ? {} : { fallback }),
    }));
    return { kernel: release(), features: list };
  }
}
