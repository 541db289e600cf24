// SPDX-License-Identifier: Apache-2.0
// The work of policy validate.
import { CiliumError, isIp } from "../../../../src/core/index.ts";
import { type ClusterAddress, type PolicyProblemReport, validatePolicies } from "../../../../src/policy/index.ts";
import type { Context } from "../../context.ts";
import { type Call, flag, listOption } from "../../define.ts";
import { ExitError } from "../../errors.ts";
import { readInput, shownName } from "./read.ts";
import { loadScene } from "./scene.ts";

/** Validates files; fails when the agent would refuse any policy of them. */
export async function runValidate(context: Context, call: Call): Promise<void> {
  const live = flag(call, "agent") || listOption(call, "manifests").length > 0;
  const options = live ? await surroundings(context, call) : { nodeSelectorLabels: true };
  const reports = [];
  for (const file of call.args) {
    reports.push(validatePolicies(await readInput(context, file), shownName(file), options));
  }
  const policies = reports.flatMap(({ valid }) => valid);
  const problems = reports.flatMap((report) => report.problems);
  if (policies.length + problems.length === 0) {
    throw new CiliumError(`Cannot read policies from "${call.args.map(shownName).join(", ")}": there is none in it`);
  }
  const errors = problems.filter(({ severity }) => severity === "error");
  const valid = errors.length === 0;
  await context.result({ valid, policies, problems }, () => [
    ...problems.map(problemLine),
    ...policies.map((name) => `Policy "${name}" is valid`),
  ]);
  if (!valid && !context.structured) context.io.stderr(`Error: ${summary(errors)}\n`);
  if (!valid || (flag(call, "strict") && problems.length > 0)) throw new ExitError(1);
}

function problemLine({ severity, origin, line, policy, problem }: PolicyProblemReport): string {
  return `${origin}, line ${line}: ${severity}: ${policy === "" ? "" : `policy "${policy}": `}${problem}`;
}

function summary(errors: readonly PolicyProblemReport[]): string {
  const policies = new Set(errors.map(({ origin, policy }) => `${origin} ${policy}`));
  return `Cannot use ${policies.size} of the policies: ${errors.length} problem(s), see above`;
}

/** What blocks can cover by mistake, and the agent's settings. */
async function surroundings(context: Context, call: Call) {
  const { options, pods = [], nodes = [] } = await loadScene(context, call);
  const addresses: ClusterAddress[] = [
    ...pods.map(({ name, ip }) => ({ kind: "pods" as const, name, ip })),
    ...nodes.map(({ name, ip }) => ({ kind: "nodes" as const, name, ip })),
  ];
  return { ...options, addresses: addresses.filter(({ ip }) => isIp(ip)), cidrMatchMode: options.cidrMatchMode ?? [] };
}
