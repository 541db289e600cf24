// SPDX-License-Identifier: Apache-2.0
// The sandbox of a soak: servers, clients that may ask and strangers that may not, and guests that come and go.
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  applyObjects,
  checkManifests,
  createSandbox,
  deleteSandbox,
  findPod,
  killAgent,
  podCommand,
  removeObjects,
  type Sandbox,
  type SandboxNode,
  spawnIn,
  startAgent,
  waitForAgent,
} from "../../apps/sandbox/index.ts";
import type { AskerPlan, AskerReport } from "./asker.ts";

const echo = join(import.meta.dirname, "../../tests/scenarios/helpers/echo.ts");
const asker = join(import.meta.dirname, "asker.ts");
const nodes = ["node1", "node2"] as const;

/** Labels are few, so that identities are used again, as with real deployments. */
export const guestKinds = 6;

type Labels = Readonly<Record<string, string>>;

function pod(name: string, node: string, labels: Labels, command: readonly string[], port?: number): string {
  const readinessProbe = port === undefined ? {} : { readinessProbe: { tcpSocket: { port } } };
  const spec = {
    nodeName: node,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: "main", command, ...readinessProbe }],
  };
  return `---\n${JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec })}\n`;
}

/** Allows `from` to reach pods of `app` on both protocols. */
function allow(name: string, app: string, from: string): string {
  const toPorts = [{ ports: ["TCP", "UDP"].map((protocol) => ({ port: "7000", protocol })) }];
  const ingress = [{ fromEndpoints: [{ matchLabels: { app: from } }], toPorts }];
  const spec = { endpointSelector: { matchLabels: { app } }, ingress };
  return `---\n${JSON.stringify({ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name }, spec })}\n`;
}

const base = [
  ...nodes.flatMap((node) => [
    pod(`server-${node}`, node, { app: "server" }, [process.execPath, echo], 7000),
    pod(`client-${node}`, node, { app: "client" }, ["sleep", "infinity"]),
    pod(`stranger-${node}`, node, { app: "stranger" }, ["sleep", "infinity"]),
  ]),
  allow("server", "server", "client"),
].join("");

/** One running workload. */
export interface Asking {
  readonly pod: string;
  /** Settles when it asks. */
  readonly ready: Promise<unknown>;
  /** Ends it; gives what it counted. */
  stop(): Promise<AskerReport>;
}

/** Ends workloads; gives what each counted. */
export async function endAsking(asking: readonly Asking[]): Promise<AskerReport[]> {
  return await Promise.all(asking.map((one) => one.stop()));
}

export class World implements AsyncDisposable {
  readonly sandbox: Sandbox;
  #guests: { readonly name: string; readonly manifest: string }[] = [];
  #made = 0;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  static async create(): Promise<World> {
    const world = new World(await createSandbox({ name: `soak-${process.pid}`, nodes: nodes.length }));
    try {
      await world.#apply(base);
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts clients and strangers on both nodes. */
  startAsking(): { readonly clients: readonly Asking[]; readonly strangers: readonly Asking[] } {
    const targets = nodes.flatMap((node) => findPod(this.sandbox, "default", `server-${node}`).ips);
    const client = { targets, port: 7000, every: 25, timeout: 15_000, longLived: true };
    const stranger = { ...client, timeout: 1000, every: 100, longLived: false };
    return {
      clients: nodes.map((node) => this.#ask(`client-${node}`, client)),
      strangers: nodes.map((node) => this.#ask(`stranger-${node}`, stranger)),
    };
  }

  /**
   * A guest comes, with labels of its kind, and policies that let it ask the servers and the clients ask it; above
   * three, the oldest goes. Gives what a client counted that asked it at once.
   */
  async churn(): Promise<AskerReport> {
    const n = this.#made++;
    const kind = `guest-${n % guestKinds}`;
    const node = nodes[n % nodes.length] ?? "node1";
    const name = `guest-${n}`;
    const policies = allow(name, "server", kind) + allow(`to-${name}`, kind, "client");
    const manifest = pod(name, node, { app: kind }, [process.execPath, echo], 7000) + policies;
    await this.#apply(manifest);
    this.#guests.push({ name, manifest });
    const guest = findPod(this.sandbox, "default", name);
    const plan = { targets: guest.ips, port: 7000, every: 20, timeout: 15_000, longLived: false };
    const asking = this.#ask(`client-${nodes[(n + 1) % nodes.length]}`, plan);
    await asking.ready;
    await new Promise((resolve) => setTimeout(resolve, 200));
    const report = await asking.stop();
    if (this.#guests.length > 3) await this.#removeOldest();
    return report;
  }

  /** All guests go, with their policies. */
  async removeGuests(): Promise<void> {
    while (this.#guests.length > 0) await this.#removeOldest();
  }

  /** Kill -9, some time without it, and a new start. */
  async killAgent(node: SandboxNode, downMs: number): Promise<void> {
    await killAgent(this.sandbox, node);
    await new Promise((resolve) => setTimeout(resolve, downMs));
    startAgent(this.sandbox, node);
    await waitForAgent(this.sandbox, node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await deleteSandbox(this.sandbox.name);
  }

  async #removeOldest(): Promise<void> {
    const oldest = this.#guests.shift();
    if (oldest !== undefined) await removeObjects(this.sandbox.name, checkManifests(oldest.manifest, "soak"));
  }

  async #apply(manifests: string): Promise<void> {
    await applyObjects(this.sandbox.name, checkManifests(manifests, "soak"));
  }

  #ask(pod: string, plan: AskerPlan): Asking {
    const command = [process.execPath, asker, JSON.stringify(plan)];
    const child = spawnIn(podCommand(this.sandbox, "default", pod, command), { stdio: ["ignore", "pipe", "inherit"] });
    const { stdout } = child;
    if (stdout === null) throw new Error(`Cannot ask from pod "${pod}": no output`);
    const ready = once(stdout, "readable");
    const output = ready.then(() => text(stdout));
    return {
      pod,
      ready,
      stop: async () => {
        await ready;
        child.kill("SIGTERM");
        const report = (await output).trim();
        if (report === "") throw new Error(`Cannot read what pod "${pod}" counted: its workload ended`);
        return JSON.parse(report) as AskerReport;
      },
    };
  }
}
