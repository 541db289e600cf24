// SPDX-License-Identifier: Apache-2.0
// GET and PATCH /endpoint/{id}/config: the options of one endpoint.
import type { AgentApi, EndpointConfigurationStatus, EndpointRef } from "../../../src/api/index.ts";
import type { ReadonlyTable } from "../../../src/core/index.ts";
import type { EndpointManager, EndpointOptions, EndpointRow, OptionChanges } from "../../../src/endpoint/index.ts";
import { knownOption, levelText, readLevel, readSwitch, switchText } from "./option-values.ts";

export interface EndpointConfigDeps {
  readonly find: (ref: EndpointRef) => EndpointRow | undefined;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly manager: Pick<EndpointManager, "setOptions">;
  /** The agent's own options by name, as the API has them. */
  readonly agentOptions: () => Readonly<Record<string, string>>;
}

/** One option of endpoints. */
interface EndpointOption {
  /** Undefined: as the agent's. */
  readonly get: (options: EndpointOptions) => string | undefined;
  /** What it changes to. Throws ApiError 400. */
  readonly read: (value: string) => OptionChanges;
}

type SwitchName = Exclude<keyof EndpointOptions, "aggregation">;

/** Sorted. */
const options: ReadonlyMap<string, EndpointOption> = new Map([
  onOff("Debug", "debug"),
  onOff("DebugLB", "debugLb"),
  onOff("DebugPolicy", "debugPolicy"),
  onOff("DropNotification", "drop"),
  ["MonitorAggregationLevel", aggregationLevel()],
  onOff("PolicyAuditMode", "auditMode"),
  onOff("PolicyVerdictNotification", "policyVerdict"),
  onOff("SourceIPVerification", "sourceIpVerification"),
  onOff("TraceNotification", "trace"),
]);

/** Leaves an option to the agent again. */
const AGENTS = "default";

/** Options of an endpoint by name; `agent`: those that it follows where it says nothing itself. */
export function endpointOptions(
  { options: own = {} }: EndpointRow,
  agent: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from(options, ([name, { get }]) => [name, get(own) ?? agent[name] ?? ""]));
}

export function createEndpointConfigCalls(
  deps: EndpointConfigDeps,
): Pick<AgentApi, "endpointConfig" | "patchEndpointConfig"> {
  const status = (row: EndpointRow): EndpointConfigurationStatus => ({
    realized: { options: endpointOptions(row, deps.agentOptions()) },
  });
  return {
    endpointConfig(ref) {
      const row = deps.find(ref);
      return row && status(row);
    },
    patchEndpointConfig(ref, { options: wanted = {} }) {
      const row = deps.find(ref);
      if (row === undefined) return undefined;
      const changes = Object.entries(wanted).map(([name, value]) => knownOption(options, name).read(value));
      deps.manager.setOptions(row.id, Object.assign({}, ...changes));
      return status(deps.endpoints.get(row.id) ?? row);
    },
  };
}

function onOff(name: string, key: SwitchName): [string, EndpointOption] {
  const get = (own: EndpointOptions) => {
    const on = own[key];
    return on === undefined ? undefined : switchText(on);
  };
  return [name, { get, read: (value) => ({ [key]: isAgents(value) ? undefined : readSwitch(name, value) }) }];
}

function aggregationLevel(): EndpointOption {
  return {
    get: ({ aggregation }) => (aggregation === undefined ? undefined : levelText(aggregation)),
    read: (value) => ({ aggregation: isAgents(value) ? undefined : readLevel("MonitorAggregationLevel", value) }),
  };
}

function isAgents(value: string): boolean {
  return value.toLowerCase() === AGENTS;
}
