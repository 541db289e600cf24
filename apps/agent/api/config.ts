// SPDX-License-Identifier: Apache-2.0
// GET and PATCH /config.
import { type AgentApi, ApiError, type DaemonConfiguration, type NodeAddressing } from "../../../src/api/index.ts";
import { type Config, redactText } from "../../../src/core/index.ts";
import type { Datapath, MonitorAggregation, MonitorEvents } from "../../../src/datapath/index.ts";
import type { AuditMode } from "../../../src/endpoint/index.ts";
import type { EnforcementMode, PolicyEngine } from "../../../src/policy/index.ts";
import { masqueradeConfig } from "../masquerade.ts";
import { options } from "../options.ts";
import { cpuCount } from "./cpu-count.ts";

export interface ConfigApiDeps {
  readonly config: Config;
  readonly datapath: Pick<Datapath, "mtu" | "maps">;
  readonly engine: PolicyEngine;
  readonly hostAddressing: NodeAddressing;
  readonly auditMode: AuditMode;
}

const levels: readonly MonitorAggregation[] = ["none", "low", "medium", "maximum"];
const AUDIT_MODE = "PolicyAuditMode";
const eventOptions: Readonly<Record<string, keyof MonitorEvents>> = {
  DropNotification: "drop",
  TraceNotification: "trace",
  PolicyVerdictNotification: "policyVerdict",
};

export function createConfigCalls(deps: ConfigApiDeps): Pick<AgentApi, "getConfig" | "patchConfig"> {
  // What the agent was started with does not change.
  const started = Object.fromEntries(Array.from(deps.config.entries(), ([key, { value }]) => [key, shown(value)]));
  const current = (): DaemonConfiguration => {
    const spec = { options: realized(deps), "policy-enforcement": deps.engine.mode };
    return {
      spec,
      status: {
        realized: spec,
        addressing: deps.hostAddressing,
        "ipam-mode": "host-scope",
        datapathMode: "veth",
        ...masqueraded(deps.config),
        deviceMTU: deps.datapath.mtu.device,
        routeMTU: deps.datapath.mtu.route,
        packetizationLayerPMTUDMode: deps.config.get(options.packetizationLayerPmtudMode),
        nodeMonitor: { cpus: cpuCount, npages: 64, pagesize: 4096 },
        kvstoreConfiguration: { type: deps.config.get(options.kvstore), options: kvstoreOptions(deps.config) },
        daemonConfigurationMap: started,
      },
    };
  };
  return {
    getConfig: current,
    patchConfig(spec) {
      const changes = Object.entries(spec.options ?? {}).map(([name, value]) => optionChange(deps, name, value));
      for (const apply of changes) apply();
      const mode = spec["policy-enforcement"];
      if (mode !== undefined) deps.engine.setMode(mode satisfies EnforcementMode);
      return current();
    },
  };
}

/** Without passwords that stand in URLs. */
function kvstoreOptions(config: Config): Record<string, string> {
  return Object.fromEntries(Array.from(config.get(options.kvstoreOpt), ([name, value]) => [name, redactText(value)]));
}

function masqueraded(config: Config) {
  const { ipv4 = false, ipv6 = false } = masqueradeConfig(config) ?? {};
  return { masquerade: ipv4 || ipv6, masqueradeProtocols: { ipv4, ipv6 } };
}

function realized({ datapath, auditMode }: ConfigApiDeps): Record<string, string> {
  const runtime = datapath.maps.runtimeConfig.get();
  const word = (on: boolean) => (on ? "Enabled" : "Disabled");
  return {
    DropNotification: word(runtime.monitorEvents.drop),
    MonitorAggregationLevel: capitalized(runtime.monitorAggregation),
    PolicyAuditMode: word(auditMode.on),
    PolicyVerdictNotification: word(runtime.monitorEvents.policyVerdict),
    TraceNotification: word(runtime.monitorEvents.trace),
  };
}

/** Checks a change and returns what does it; nothing is changed before all of them have passed. */
function optionChange({ datapath, auditMode }: ConfigApiDeps, name: string, value: string): () => void {
  const { runtimeConfig } = datapath.maps;
  if (name === "MonitorAggregationLevel") {
    const level = levels.find((candidate) => candidate === value.toLowerCase());
    if (level === undefined) throw badValue(name, value, levels.join(", "));
    return () => runtimeConfig.setMonitorAggregation(level);
  }
  const event = eventOptions[name];
  if (event === undefined && name !== AUDIT_MODE) {
    const known = ["MonitorAggregationLevel", AUDIT_MODE, ...Object.keys(eventOptions)].join(", ");
    throw new ApiError(400, `Cannot change option "${name}": unknown (${known} may be changed)`);
  }
  const on = /^(enabled?|true|on|1)$/i.test(value);
  if (!on && !/^(disabled?|false|off|0)$/i.test(value)) throw badValue(name, value, "Enabled or Disabled");
  if (event === undefined) return () => auditMode.set(on);
  return () => runtimeConfig.setEvents({ ...runtimeConfig.get().monitorEvents, [event]: on });
}

function badValue(name: string, value: string, allowed: string): ApiError {
  return new ApiError(400, `Cannot change option "${name}": it has "${value}" (allowed: ${allowed})`);
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function shown(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
