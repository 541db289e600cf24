// SPDX-License-Identifier: Apache-2.0
// GET /healthz: the state of the agent and its parts.
import type {
  AgentApi,
  ComponentStatus,
  ControllerStatus,
  MasqueradingStatus,
  ModuleStatus,
  StatusResponse,
} from "../../../src/api/index.ts";
import type { Health } from "../../../src/core/index.ts";
import { type Datapath, type DatapathObjectRow, usedFeatures } from "../../../src/datapath/index.ts";
import type { HealthModule, PathMtuModule } from "../../../src/health/index.ts";
import { clusterIdentityRange } from "../../../src/identity/index.ts";
import { formatIpamStatus, type Ipam } from "../../../src/ipam/index.ts";
import type { Kvstore } from "../../../src/kvstore/index.ts";
import { version } from "../version.ts";
import { healthComponent } from "./cluster-health.ts";
import { cpuCount } from "./cpu-count.ts";

export interface StatusApiDeps {
  /** Health of each module in start order. */
  readonly modules: () => ReadonlyMap<string, Health>;
  readonly kvstore: Kvstore;
  readonly ipam: Ipam;
  readonly datapath: Pick<Datapath, "status" | "hostFirewallDevices" | "attachMode">;
  readonly datapathMode: string;
  readonly routing: NonNullable<StatusResponse["routing"]>;
  readonly hostFirewall: boolean;
  readonly masquerading: () => MasqueradingStatus;
  readonly cniChaining: string;
  readonly mapSizes: NonNullable<StatusResponse["bpf-maps"]>;
  readonly events: () => { read: number; lost: number };
  /** Absent when nodes are not probed. */
  readonly health: HealthModule | undefined;
  readonly pathMtu: PathMtuModule | undefined;
  /** "cluster/node". */
  readonly self: string;
}

/** What Cilium has and is not here, as it shows what is off. */
const absent = {
  kubernetes: { state: "Disabled" },
  "kube-proxy-replacement": { mode: "False" },
  "cni-file": { state: "Disabled", msg: "CNI configuration management disabled" },
  srv6: { enabled: false },
  ...{ "ipv4-big-tcp": { enabled: false }, "ipv6-big-tcp": { enabled: false } },
  "bandwidth-manager": { enabled: false },
  encryption: { mode: "Disabled" },
  "auth-certificate-provider": { state: "Disabled" },
  ...{ hubble: { state: "Disabled" }, "hubble-metrics": { state: "Disabled" } },
} as const satisfies Partial<StatusResponse>;

export function createStatusCalls(deps: StatusApiDeps): Pick<AgentApi, "healthz"> {
  return {
    healthz({ brief }): StatusResponse {
      const modules = Array.from(deps.modules(), ([name, health]): ModuleStatus => ({ name, ...health }));
      const cilium = overall(modules);
      const kvstore = deps.kvstore.backend === "memory" ? { state: "Disabled" as const } : kvstoreStatus(deps.kvstore);
      const ciliumHealth = healthComponent(deps.health, deps.self);
      const controllers = deps.datapath.status().map(toController);
      if (brief) return { cilium, kvstore, cluster: { ciliumHealth }, controllers: controllers.filter(isFailing) };
      return {
        cilium,
        kvstore,
        "host-firewall": deps.hostFirewall
          ? { mode: "Enabled", devices: deps.datapath.hostFirewallDevices() }
          : { mode: "Disabled" },
        "cni-chaining": { mode: deps.cniChaining },
        ipam: ipamStatus(deps.ipam),
        nodeMonitor: { cpus: cpuCount, npages: 64, pagesize: 4096, lost: deps.events().lost, unknown: 0 },
        cluster: { self: deps.self, ciliumHealth },
        controllers,
        "identity-range": { "min-identity": clusterIdentityRange.min, "max-identity": clusterIdentityRange.max },
        "datapath-mode": deps.datapathMode,
        "configured-datapath-mode": deps.datapathMode,
        "attach-mode": deps.datapath.attachMode,
        masquerading: deps.masquerading(),
        routing: deps.routing,
        // Programs ask for the monotonic clock.
        "clock-source": { mode: "ktime" },
        "bpf-maps": deps.mapSizes,
        ...absent,
        "missing-features": usedFeatures().flatMap(({ name, fallback = "", replaced }) =>
          replaced ? [{ name, fallback }] : [],
        ),
        modules,
      };
    },
  };
}

/** A degraded part does not make the agent fail: it says so in its own line, and traffic goes on. */
function overall(modules: readonly ModuleStatus[]): ComponentStatus {
  const stopped = modules.find((module) => module.state === "stopped");
  if (stopped !== undefined) return { state: "Warning", msg: `Module ${stopped.name} is stopped` };
  const degraded = modules.filter((module) => module.state === "degraded").map((module) => module.name);
  const note = degraded.length === 0 ? "" : ` (degraded: ${degraded.join(", ")})`;
  return { state: "Ok", msg: `${version.version}${note}` };
}

function kvstoreStatus(kvstore: Kvstore): ComponentStatus {
  const { state, message } = kvstore.status();
  return { state, msg: message };
}

function ipamStatus(ipam: Ipam): NonNullable<StatusResponse["ipam"]> {
  const routers = ([4, 6] as const).flatMap((family) => {
    const ip = ipam.router(family);
    return ip === undefined ? [] : [{ ip, owner: "router", family }];
  });
  const allocations = [...routers, ...ipam.list()];
  return {
    status: formatIpamStatus(ipam.status()),
    allocations: Object.fromEntries(allocations.map(({ ip, owner }) => [ip, owner])),
    ipv4: allocations.filter(({ family }) => family === 4).map(({ ip }) => ip),
    ipv6: allocations.filter(({ family }) => family === 6).map(({ ip }) => ip),
  };
}

function isFailing({ status }: ControllerStatus): boolean {
  return (status["consecutive-failure-count"] ?? 0) > 0;
}

function toController(row: DatapathObjectRow): ControllerStatus {
  const { doneAt, failedAt, failures } = row;
  return {
    name: `${row.kind}-${row.name}`,
    status: {
      "success-count": row.state === "error" ? row.repairs : row.repairs + 1,
      ...(doneAt !== undefined && { "last-success-timestamp": new Date(doneAt).toISOString() }),
      "failure-count": failures,
      "consecutive-failure-count": failures,
      ...(row.state === "error" && { "last-failure-msg": row.error ?? "" }),
      ...(failedAt !== undefined && { "last-failure-timestamp": new Date(failedAt).toISOString() }),
    },
  };
}
