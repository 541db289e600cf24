// SPDX-License-Identifier: Apache-2.0
// Waiting until policies are in force: known to every running agent, and realized on its endpoints.
import { type ResourceRow, resourceId } from "../../src/kubernetes/index.ts";
import { agentClient, agentProcess } from "./agent.ts";
import { SandboxError } from "./errors.ts";
import type { Sandbox, SandboxNode } from "./types.ts";
import { waitFor } from "./wait.ts";

const timeout = 30_000;

/** A policy as it was applied; `present` false: none of its name may be there. */
export interface PolicyExpectation {
  readonly row: Pick<ResourceRow, "id" | "object">;
  readonly present: boolean;
}

/** Waits for every running agent. Throws naming the agent and what it still lacks. */
export async function waitForPolicies(sandbox: Sandbox, expected: readonly PolicyExpectation[]): Promise<void> {
  if (expected.length === 0) return;
  const running = sandbox.nodes.filter((node) => agentProcess(sandbox, node) !== undefined);
  await Promise.all(running.map((node) => waitForNode(sandbox, node, expected)));
}

async function waitForNode(sandbox: Sandbox, node: SandboxNode, expected: readonly PolicyExpectation[]): Promise<void> {
  const client = agentClient(sandbox, node);
  let lacking = "";
  const done = await waitFor(async () => {
    const { revision, policy } = await client.getPolicy();
    const known = knownPolicies(policy);
    const wrong = expected.find(
      ({ row, present }) => known.get(row.id) !== (present ? JSON.stringify(row.object) : undefined),
    );
    if (wrong !== undefined) {
      lacking = `"${wrong.row.id}" is ${wrong.present ? "not there yet" : "still there"}`;
      return false;
    }
    const behind = (await client.listEndpoints()).find(
      (endpoint) => endpoint.status.state !== "ready" || endpoint.status.policy.realized["policy-revision"] < revision,
    );
    lacking = `endpoint ${behind?.id} is at an older revision than ${revision}`;
    return behind === undefined;
  }, timeout);
  if (done) return;
  throw new SandboxError(
    `Cannot put policies in force on ${node.name} within ${timeout / 1000} s: ${lacking} (see "cilium sandbox logs --agent ${node.name}")`,
  );
}

/** The objects that the agent lists, as text by id. */
function knownPolicies(text: string): Map<string, string> {
  type Listed = { kind?: string; metadata?: { namespace?: string; name?: string } };
  const id = ({ kind = "", metadata }: Listed): string =>
    resourceId(kind, metadata?.namespace ?? "default", metadata?.name ?? "");
  return new Map((JSON.parse(text) as Listed[]).map((object) => [id(object), JSON.stringify(object)]));
}
