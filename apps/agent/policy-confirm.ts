// SPDX-License-Identifier: Apache-2.0
// Commit-confirm: while a policy for hosts is on trial, the node looks whether it still reaches what it needs.
import {
  type Config,
  createLogger,
  type Health,
  type Labels,
  type Module,
  type ReadonlyTable,
  toError,
} from "../../src/core/index.ts";
import { type EndpointRow, hostEndpointId } from "../../src/endpoint/index.ts";
import { Identity } from "../../src/identity/index.ts";
import { etcdEndpoints } from "../../src/kvstore/index.ts";
import type { NodeRow } from "../../src/node/index.ts";
import { admitsPort, type HostPolicyGuard, type PolicyEngine, type PolicyRow } from "../../src/policy/index.ts";
import type { EventModule } from "./events.ts";
import { policyMessage } from "./notifications.ts";
import { options } from "./options.ts";
import { connects, listeningPorts, type Target } from "./reachability.ts";

/** Time between two looks while a policy is on trial, and while none is. Milliseconds. */
const TRIAL_MS = 2000;
const QUIET_MS = 15_000;
/** So long after the start it is looked as often as in a trial, while something is not reached. */
const EARLY_MS = 60_000;
/** Other nodes that are looked for: a policy that cuts the node off from all of them does so from these. */
const MOST_PEERS = 32;

export interface PolicyConfirmDeps {
  readonly config: Config;
  readonly guard: HostPolicyGuard;
  readonly engine: Pick<PolicyEngine, "resolveEndpoint">;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly nodes: ReadonlyTable<NodeRow, string>;
  readonly policies: ReadonlyTable<PolicyRow, string>;
  readonly events: Pick<EventModule, "notify">;
}

/** What the node needs to reach, or to let in, and whether it does. */
interface Need {
  readonly name: string;
  readonly met: boolean;
}

/** To be started when policies can come; does nothing without the host firewall. */
export function createPolicyConfirm(deps: PolicyConfirmDeps): Module {
  return new PolicyConfirm(deps);
}

class PolicyConfirm implements Module {
  readonly name = "policy-confirm";
  readonly #deps: PolicyConfirmDeps;
  readonly #log = createLogger("policy-confirm");
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #startedAt = 0;
  /** Names of what was reached before the trial: what was not is no policy's fault. */
  #reached: ReadonlySet<string> = new Set();
  #missing: readonly string[] = [];
  /** Whether everything was reached when it was looked last. */
  #isWell = false;
  /** As the session with the store has them, which does not read its files again either. */
  #stores: readonly string[] = [];

  constructor(deps: PolicyConfirmDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { config } = this.#deps;
    if (!config.get(options.enableHostFirewall)) return;
    if (config.get(options.kvstore) === "etcd") {
      this.#stores = etcdEndpoints(Object.fromEntries(config.get(options.kvstoreOpt)));
    }
    this.#startedAt = performance.now();
    await this.#look();
    this.#next();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  health(): Health {
    const { state } = this.#deps.guard;
    const names = this.#deps.guard.unconfirmed().join(", ");
    if (state.kind === "confirmed") return { state: "ok" };
    if (state.kind === "reverted") {
      return { state: "degraded", message: `policies for hosts reverted (${names}): ${state.reason}` };
    }
    const missing = this.#missing.length === 0 ? "" : `, not reached: ${this.#missing.join(", ")}`;
    return { state: "ok", message: `policies for hosts on trial (${names})${missing}` };
  }

  #next(): void {
    if (this.#stopped) return;
    const started = performance.now();
    // After a start what is needed comes one by one, and only what is known to be reached can be missed.
    const isEarly = !this.#isWell && started - this.#startedAt < EARLY_MS;
    const wait = this.#deps.guard.state.kind === "provisional" || isEarly ? TRIAL_MS : QUIET_MS;
    // A trial that begins meanwhile is noticed at once.
    const turn = () => {
      if (performance.now() - started < wait && this.#deps.guard.state.kind !== "provisional") this.#wait(turn);
      else this.#look().then(() => this.#next());
    };
    this.#wait(turn);
  }

  #wait(turn: () => void): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(turn, TRIAL_MS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    try {
      const before = this.#deps.guard.state;
      // Only what is in force in the kernel proves anything.
      const settled = this.#hostRow()?.status.kind === "done";
      const needs = await this.#needs();
      const after = this.#deps.guard.state;
      if (after !== before) return;
      const reached = new Set(needs.filter(({ met }) => met).map(({ name }) => name));
      this.#isWell = reached.size === needs.length;
      if (after.kind !== "provisional") {
        this.#reached = reached;
        return;
      }
      this.#missing = needs.filter(({ name, met }) => !met && this.#reached.has(name)).map(({ name }) => name);
      if (settled && this.#missing.length === 0) {
        this.#reached = reached;
        this.#confirm();
      } else if (this.#deps.guard.expire(this.#reason(settled))) this.#tellReverted();
    } catch (thrown) {
      this.#log.error("Cannot look whether policies for hosts may stay", { error: toError(thrown) });
    }
  }

  #confirm(): void {
    const policies = this.#deps.guard.unconfirmed();
    this.#deps.guard.confirm();
    this.#log.info("Policies for hosts are confirmed", { policies, reached: [...this.#reached] });
  }

  #tellReverted(): void {
    const { guard, policies, events } = this.#deps;
    const reason = guard.state.kind === "reverted" ? guard.state.reason : "";
    const reverted = guard.unconfirmed();
    this.#log.warn("Policies for hosts are reverted, those before are in force", { policies: reverted, reason });
    for (const id of reverted) {
      const row = policies.get(id);
      const message = { ...(row === undefined ? { name: id } : policyMessage(row)), reverted: reason };
      // What was confirmed under this name is in force again.
      events.notify(guard.isConfirmed(id) ? "Policy updated" : "Policy deleted", message);
    }
  }

  #reason(settled: boolean): string {
    if (this.#missing.length > 0) return `with them the node does not reach ${this.#missing.join(", ")}`;
    return settled ? "" : "they did not get into force";
  }

  #hostRow(): EndpointRow | undefined {
    return this.#deps.endpoints.get(hostEndpointId);
  }

  /** Each looked at once: a node that comes meanwhile is not among them. */
  async #needs(): Promise<Need[]> {
    const inward = this.#inward();
    const outward = this.#outward().map(async (target) => ({ name: target.name, met: await connects(target) }));
    return [...(await Promise.all(outward)), ...inward];
  }

  /** Connections that the node has to be able to open. */
  #outward(): Target[] {
    const { config, nodes } = this.#deps;
    const port = config.get(options.clusterHealthPort);
    const peers = [...nodes.all()].filter(({ source }) => source !== "local").slice(0, MOST_PEERS);
    return [
      ...this.#stores.map((url) => ({ name: `etcd ${url}`, ...hostAndPort(url) })),
      ...peers.flatMap(({ name, addresses }) =>
        addresses
          .filter(({ type }) => type === "InternalIP")
          .map(({ ip }) => ({ name: `node ${name} ${ip} port ${port}`, host: ip, port })),
      ),
      ...config.get(options.policyConfirmTargets).map((text) => ({ name: text, ...hostAndPort(`tcp://${text}`) })),
    ];
  }

  /** Ports at which somebody listens, and whether the host's policy lets anybody get there. */
  #inward(): Need[] {
    const labels: Labels | undefined = this.#hostRow()?.labels;
    if (labels === undefined) return [];
    const policy = this.#deps.engine.resolveEndpoint(labels, Identity.host);
    const listening = listeningPorts();
    return this.#deps.config
      .get(options.policyConfirmPorts)
      .map(Number)
      .filter((port) => listening.has(port))
      .map((port) => ({ name: `own port ${port}`, met: admitsPort(policy, port) }));
  }
}

function hostAndPort(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(url);
  const fallback = protocol === "https:" ? 443 : 80;
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? fallback : Number(port) };
}
