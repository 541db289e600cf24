// SPDX-License-Identifier: Apache-2.0
// The work of policy lint.
import { type LintFinding, lintPolicies, Scene } from "../../../../src/policy/index.ts";
import type { Context } from "../../context.ts";
import { type Call, flag } from "../../define.ts";
import { ExitError } from "../../errors.ts";
import { alignTable, type Line } from "../../output/table.ts";
import { loadScene } from "./scene.ts";

/** Lints the policies of a scene; with `--check` warnings end it with exit code 1. */
export async function runLint(context: Context, call: Call): Promise<void> {
  const source = await loadScene(context, call);
  const scene = new Scene(source);
  const findings = lintPolicies({
    policies: source.policies,
    endpoints: scene.endpoints,
    peers: scene.peers,
    createEngine: (overrides) => scene.createEngine(overrides),
  });
  const summary = `${source.policies.length} policies, ${scene.endpoints.length} kinds of endpoints, ${scene.peers.length} kinds of peers`;
  await context.result(findings, () => formatFindings(findings, summary));
  if (flag(call, "check") && findings.some(({ severity }) => severity === "warning")) throw new ExitError(1);
}

/** The table; `summary` says what was looked at. */
function formatFindings(findings: readonly LintFinding[], summary: string): string[] {
  if (findings.length === 0) return [`Nothing found in ${summary}`];
  const rows = findings.flatMap(({ severity, kind, policy, section, message, others }): Line[] => [
    [severity, kind, policy || "-", section || "-", message],
    ...others.map((other): Line => ["", "", "", "", `by ${other.policy} ${other.section}`]),
  ]);
  return alignTable([["SEVERITY", "KIND", "POLICY", "SECTION", "FINDING"]], rows);
}
