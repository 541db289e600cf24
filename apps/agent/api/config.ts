// SPDX-License-Identifier: Apache-2.0
// GET and PATCH /config.
import type { AgentApi, DaemonConfiguration, NodeAddressing } from "../../../src/api/index.ts";
import { type Config, redactText } from "../../../src/core/index.ts";
import type { Datapath } from "../../../src/datapath/index.ts";
import type { EnforcementMode, PolicyEngine } from "../../../src/policy/index.ts";
import { ipvlanConfiguration } from "../ipvlan.ts";
import { masqueradeConfig } from "../masquerade.ts";
import { options } from "../options.ts";
import { cpuCount } from "./cpu-count.ts";
import { knownOption } from "./option-values.ts";
import { optionValues, type RuntimeOption } from "./runtime-options.ts";

export interface ConfigApiDeps {
  readonly config: Config;
  readonly datapath: Pick<Datapath, "mtu" | "maps">;
  readonly engine: PolicyEngine;
  readonly hostAddressing: NodeAddressing;
  readonly changeable: ReadonlyMap<string, RuntimeOption>;
}

export function createConfigCalls(deps: ConfigApiDeps): Pick<AgentApi, "getConfig" | "patchConfig"> {
  // What the agent was started with does not change.
  const started = Object.fromEntries(Array.from(deps.config.entries(), ([key, { value }]) => [key, shown(value)]));
  const { changeable } = deps;
  const current = (): DaemonConfiguration => {
    const ipvlan = ipvlanConfiguration(deps.config);
    const spec = { options: optionValues(changeable), "policy-enforcement": deps.engine.mode };
    return {
      spec,
      status: {
        realized: spec,
        addressing: deps.hostAddressing,
        "ipam-mode": "host-scope",
        immutable: {},
        datapathMode: deps.config.get(options.datapathMode),
        configuredDatapathMode: deps.config.get(options.datapathMode),
        ...(ipvlan && { ipvlanConfiguration: ipvlan }),
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
      // Nothing is changed before all of them have passed.
      const changes = Object.entries(spec.options ?? {}).map(([name, value]) =>
        knownOption(changeable, name).change(value),
      );
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

function shown(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
