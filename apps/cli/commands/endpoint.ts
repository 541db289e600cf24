// SPDX-License-Identifier: Apache-2.0
// endpoint: the pods' interfaces on this node.
import type {
  AddressPair,
  Endpoint,
  EndpointHealth,
  EndpointStatusChange,
  PolicyEnabled,
} from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, listOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { alignLines, alignTable, type Line } from "../output/table.ts";
import { endpointConfig } from "./endpoint-config.ts";
import { endpointLabels } from "./endpoint-labels.ts";

export const endpoint: CommandSpec = {
  usage: "endpoint",
  summary: "Endpoints of this node",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List all endpoints",
      options: [["--no-headers", "leave the header out"]],
      run: async (context, call) => {
        const endpoints = byId(await context.client().listEndpoints());
        await context.result(endpoints, () => formatEndpoints(endpoints, call.options.headers !== false));
      },
    },
    {
      usage: "get [id]",
      summary: "Show an endpoint as JSON; the id is a number or PREFIX:VALUE (pod-name:default:web, ipv4:10.0.0.5, …)",
      repeated: [["-l, --labels <labels>", "endpoints with all of these labels"]],
      run: getEndpoints,
    },
    {
      usage: "log <id>",
      summary: "Show what happened to an endpoint",
      run: async (context, call) => {
        const log = await context.client().endpointLog(call.args[0] ?? "");
        await context.result(log, () => endpointLogLines(log));
      },
    },
    endpointConfig,
    {
      usage: "health <id>",
      summary: "Show an endpoint's health",
      run: async (context, call) => {
        const health = await context.client().endpointHealth(call.args[0] ?? "");
        await context.result(health, () => endpointHealthLines(health));
      },
    },
    endpointLabels,
    {
      usage: "disconnect <id>",
      summary: "Take an endpoint out of the network",
      plain: true,
      run: async (context, call) => {
        const id = call.args[0] ?? "";
        const { errors } = await context.client().deleteEndpoint(id);
        if (errors > 0) {
          context.io.stderr(`Objects of endpoint ${id} that could not be removed: ${errors} (see the agent's log)\n`);
        }
        context.print([`Endpoint ${id} successfully disconnected`]);
      },
    },
  ],
};

async function getEndpoints(context: Context, call: Call): Promise<void> {
  const labels = listOption(call, "labels");
  const id = call.args[0];
  if ((id === undefined) === (labels.length === 0)) {
    throw new UsageError("Cannot get endpoint: give either an id or --labels");
  }
  const client = context.client();
  await context.json(id === undefined ? byId(await client.listEndpoints(labels)) : [await client.getEndpoint(id)]);
}

/** The table of `endpoint log`. */
export function endpointLogLines(log: readonly EndpointStatusChange[]): string[] {
  return alignTable(
    [["Timestamp", "Status", "State", "Message"]],
    log.map((line) => [line.timestamp, line.code.toUpperCase(), line.state, line.message]),
  );
}

/** The lines of `endpoint health`. */
export function endpointHealthLines(health: EndpointHealth): string[] {
  return alignLines([
    ["Overall Health:", health.overallHealth],
    ["BPF Health:", health.bpf],
    ["Policy Health:", health.policy],
    ["Connected:", health.connected ? "yes" : "no"],
  ]);
}

const header: readonly Line[] = [
  [
    "ENDPOINT",
    "POLICY (ingress)",
    "POLICY (egress)",
    "IDENTITY",
    "LABELS (source:key[=value])",
    "IPv6",
    "IPv4",
    "STATUS",
  ],
  ["", "ENFORCEMENT", "ENFORCEMENT"],
];

/** The table of `endpoint list`. */
export function formatEndpoints(endpoints: readonly Endpoint[], withHeader: boolean): string[] {
  return alignTable(withHeader ? header : undefined, byId(endpoints).flatMap(endpointRows));
}

function byId(endpoints: readonly Endpoint[]): Endpoint[] {
  return endpoints.toSorted((a, b) => a.id - b.id);
}

function endpointRows({ id, status }: Endpoint): Line[] {
  const [ingress, egress] = enforcement(status.policy.realized["policy-enabled"]);
  const [first = "no labels", ...others] = status.labels["security-relevant"].toSorted();
  const identity = status.identity === undefined ? "<no label id>" : String(status.identity.id);
  const { addressing } = status.networking;
  const [ipv6, ipv4] = [addressOf(addressing, "ipv6"), addressOf(addressing, "ipv4")];
  return [
    [String(id), ingress, egress, identity, first, ipv6, ipv4, status.state],
    ...others.map((label): Line => ["", "", "", "", label]),
  ];
}

/** Empty where the endpoint has an address of the other family only. */
function addressOf(pairs: readonly AddressPair[], family: "ipv4" | "ipv6"): string {
  const [first] = pairs;
  return first === undefined ? "No address" : (first[family] ?? "");
}

function enforcement(enabled: PolicyEnabled): readonly [string, string] {
  const audited = "Disabled (Audit)";
  switch (enabled) {
    case "none":
      return ["Disabled", "Disabled"];
    case "ingress":
      return ["Enabled", "Disabled"];
    case "egress":
      return ["Disabled", "Enabled"];
    case "both":
      return ["Enabled", "Enabled"];
    case "audit-ingress":
      return [audited, "Disabled"];
    case "audit-egress":
      return ["Disabled", audited];
    case "audit-both":
      return [audited, audited];
    default:
      return ["Unknown", "Unknown"];
  }
}
