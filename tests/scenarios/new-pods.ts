// SPDX-License-Identifier: Apache-2.0
// New pods of one node that talk to a pod of another as soon as ADD is answered, and what becomes of their packets.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  agentClient,
  agentProcess,
  applyObjects,
  checkManifests,
  createSandbox,
  deleteSandbox,
  findPod,
  nodeOf,
  openSandbox,
  type Sandbox,
  sandboxPaths,
} from "../../apps/sandbox/index.ts";
import { callLater, ours, type Plugin } from "../../benchmarks/cni/attachments.ts";
import { eventually } from "../../src/core/testing.ts";
import { openPinnedMaps } from "../../src/datapath/index.ts";
import { openAllowedPing, Pinger } from "../../src/health/index.ts";
import { withNetns } from "../../src/kernel/index.ts";

const near = "node2";
const far = "node1";
/** Reasons of packets that policy refused: by default, by a rule, for an identity not known yet. */
const refusals = [133, 181, 221];

/** How long an echo's answer is waited for, ms. */
const patience = 30_000;

/** Labels of a new pod. */
export interface NewPod {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A new pod's ADD under way. */
export interface Adding {
  /** ADD, ms. */
  readonly added: Promise<number>;
  /** Asks each address of the server for so many echoes at once, always from the same sockets. */
  readonly burst: (echoes: number, patienceMs?: number) => Promise<Burst>;
}

/** What became of echoes. */
export interface Burst {
  readonly sent: number;
  readonly lost: number;
  /** Until the first answer, ms; infinite without one. */
  readonly first: number;
}

/** Two nodes; on one a server that lets in whoever has the label `client=yes`. */
export class NewPods implements AsyncDisposable {
  readonly #sandbox: Sandbox;
  readonly #plugin: Plugin;
  readonly #netns: string[] = [];
  readonly #server: readonly string[];
  readonly #pingers = new DisposableStack();
  #epoch = 0;

  private constructor(sandbox: Sandbox, server: readonly string[]) {
    this.#sandbox = sandbox;
    this.#server = server;
    this.#plugin = ours(sandbox, near);
  }

  /** `settings`: of both agents. */
  static async create(name: string, settings: Readonly<Record<string, string>> = {}): Promise<NewPods> {
    await createSandbox({ name, nodes: 2, settings });
    try {
      await applyObjects(
        name,
        checkManifests([serverPod, sentinel(0), policy].map((o) => JSON.stringify(o)).join("\n---\n"), name),
      );
      const sandbox = openSandbox(name);
      return new NewPods(sandbox, findPod(sandbox, "default", "server").ips);
    } catch (error) {
      await deleteSandbox(name);
      throw error;
    }
  }

  /** Tells the agent of pods to come, as a cluster does before a runtime calls ADD. */
  async announce(pods: readonly NewPod[]): Promise<void> {
    const { staticResources } = sandboxPaths(this.#sandbox.name).node(near);
    for (const { name, labels } of pods) {
      writeFileSync(join(staticResources, `new-${name}.json`), JSON.stringify(pod(name, near, labels)));
    }
    const epoch = ++this.#epoch;
    await applyObjects(this.#sandbox.name, checkManifests(JSON.stringify(sentinel(epoch)), "sentinel"));
    const client = agentClient(this.#sandbox, nodeOf(this.#sandbox, near));
    await eventually("the pods' manifests to be taken", async () =>
      JSON.stringify(await client.listEndpoints()).includes(`epoch=e${epoch}`),
    );
  }

  /** Calls ADD. */
  add({ name }: NewPod): Adding {
    const netns = `/run/netns/${this.#sandbox.name}-${name}`;
    execFileSync("ip", ["netns", "add", basename(netns)]);
    this.#netns.push(netns);
    const added = callLater(this.#plugin, "ADD", netns, { namespace: "default", name });
    let pinger: Pinger | undefined;
    const burst = async (count: number, patienceMs = patience): Promise<Burst> => {
      pinger ??= this.#pingers.use(new Pinger((family) => withNetns(netns, () => openAllowedPing(family))));
      return await echoes(pinger, this.#server, count, patienceMs);
    };
    return { added, burst };
  }

  /** Until the new pod's own node has it ready, whatever its ADD waits for. */
  async readyAtHome({ name }: NewPod): Promise<void> {
    const client = agentClient(this.#sandbox, nodeOf(this.#sandbox, near));
    await eventually("the endpoint to be ready", async () =>
      (await client.listEndpoints()).some(
        ({ status }) => status["external-identifiers"]?.["pod-name"] === `default/${name}` && status.state === "ready",
      ),
    );
  }

  /** Stops the agent of the server's node from running; `false` lets it go on. */
  freeze(frozen: boolean): void {
    const agent = agentProcess(this.#sandbox, nodeOf(this.#sandbox, far));
    if (agent === undefined) throw new Error(`Cannot freeze the agent of "${far}": it does not run`);
    process.kill(agent.pid, frozen ? "SIGSTOP" : "SIGCONT");
  }

  /** Packets that policy has refused on the server's node. */
  refused(reasons: readonly number[] = refusals): number {
    using maps = openPinnedMaps(sandboxPaths(this.#sandbox.name).node(far).bpf);
    const rows = maps.metrics.list().filter(({ reason }) => reasons.includes(reason));
    return rows.reduce((sum, { packets }) => sum + Number(packets), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pingers.dispose();
    for (const netns of this.#netns) execFileSync("ip", ["netns", "del", basename(netns)]);
    await deleteSandbox(this.#sandbox.name);
  }
}

async function echoes(pinger: Pinger, ips: readonly string[], count: number, patienceMs: number): Promise<Burst> {
  const start = performance.now();
  let first = Number.POSITIVE_INFINITY;
  const answers = ips.flatMap((ip) =>
    Array.from({ length: count }, async () => {
      const { ok } = await pinger.ping(ip, patienceMs);
      if (ok) first = Math.min(first, performance.now() - start);
      return ok;
    }),
  );
  const lost = (await Promise.all(answers)).filter((ok) => !ok).length;
  return { sent: answers.length, lost, first };
}

function pod(name: string, node: string, labels: Readonly<Record<string, string>>): object {
  const spec = { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: "main" }] };
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels }, spec };
}

const serverPod = pod("server", far, { app: "server" });
const sentinel = (epoch: number) => pod("sentinel", near, { epoch: `e${epoch}` });
const policy = {
  ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name: "clients" } },
  spec: {
    endpointSelector: { matchLabels: { app: "server" } },
    ingress: [{ fromEndpoints: [{ matchLabels: { client: "yes" } }] }],
  },
};
