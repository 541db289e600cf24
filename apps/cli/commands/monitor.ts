// SPDX-License-Identifier: Apache-2.0
// monitor: what the datapath reports, as it happens.
import { cpus } from "node:os";
import { type AgentClient, AgentUnreachableError, type MonitorRecord } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type Call, type CommandSpec, flag, listOption, textOption, times } from "../define.ts";
import { UsageError } from "../errors.ts";
import { decodeMonitorEvent } from "../monitor/event.ts";
import { createFilter, type EventFilter, monitorTypes } from "../monitor/filter.ts";
import { Knowledge } from "../monitor/knowledge.ts";
import { formatLost, formatRecord, type MonitorForm } from "../monitor/record.ts";
import { followMonitor } from "../monitor/stream.ts";

export const monitor: CommandSpec = {
  usage: "monitor",
  summary: "Show drops, packets and policy verdicts as they happen",
  plain: true,
  repeated: [
    ["-t, --type <type>", `only these events: ${monitorTypes.join(", ")}`],
    ["--from <endpoint>", "only from this endpoint"],
    ["--to <endpoint>", "only to this endpoint"],
    ["--related-to <endpoint>", "only from or to this endpoint"],
  ],
  counted: [["-v, --verbose", "all layers of each packet; twice: traces of sockets too"]],
  options: [
    ["-j, --json", "one JSON object a line, whatever -v and --hex say"],
    ["-o, --output <format>", "json: as --json"],
    ["-n, --numeric", "identities as numbers, without labels"],
    ["--hex", "packets as hex dumps"],
    ["--monitor-socket <path>", "monitor socket (default: CILIUM_MONITOR_SOCK, or monitor1_2.sock beside the agent's)"],
  ],
  run: watch,
};

async function watch(context: Context, call: Call): Promise<void> {
  const filter = createFilter({
    types: listOption(call, "type"),
    sockets: times(call, "verbose") > 1,
    from: endpoints(call, "from"),
    to: endpoints(call, "to"),
    relatedTo: endpoints(call, "relatedTo"),
  });
  const form = formOf(call);
  const client = context.client(5000);
  const knowledge = new Knowledge(client, { numeric: flag(call, "numeric"), now: context.io.now });
  const socket = textOption(call, "monitorSocket") ?? (context.io.env.CILIUM_MONITOR_SOCK || context.monitorSocket);
  const { signal } = context.io;
  const onClosed = () => context.io.stderr("The agent closed the connection, waiting for it to come back\n");
  let connected = false;
  for await (const records of followMonitor(socket, signal, onClosed)) {
    if (!connected) await greet(context, client);
    connected = true;
    if (records.length > 0) context.io.stdout(await formatAll(records, filter, form, knowledge));
  }
  context.io.stderr("\nReceived an interrupt, disconnecting from monitor...\n\n");
}

async function formatAll(
  records: readonly MonitorRecord[],
  filter: EventFilter,
  form: MonitorForm,
  knowledge: Knowledge,
): Promise<string> {
  let text = "";
  for (const record of records) {
    if (record.lost > 0) text += formatLost(record, form);
    if (record.data.length === 0) continue;
    const event = decodeMonitorEvent(record.data);
    if (filter(event)) text += await formatRecord(record, event, form, knowledge);
  }
  return text;
}

async function greet(context: Context, client: AgentClient): Promise<void> {
  let shared = { cpus: cpus().length, npages: 64, pagesize: 4096 };
  try {
    shared = { ...shared, ...(await client.healthz({ brief: true })).nodeMonitor };
  } catch (error) {
    // `--monitor-socket` may belong to an agent whose API is elsewhere.
    if (!(error instanceof AgentUnreachableError)) throw error;
  }
  const { cpus: count, npages, pagesize } = shared;
  context.io.stderr(`Listening for events on ${count} CPUs with ${npages}x${pagesize} of shared memory\n`);
  context.io.stderr("Press Ctrl-C to quit\n");
}

function formOf(call: Call): MonitorForm {
  const output = textOption(call, "output") ?? "";
  if (output !== "" && output !== "json")
    throw new UsageError(`Cannot use output format "${output}" here: expected json`);
  const json = flag(call, "json") || output === "json";
  if (json) return { kind: "json" };
  return { kind: times(call, "verbose") > 0 || flag(call, "hex") ? "verbose" : "brief", hex: flag(call, "hex") };
}

function endpoints(call: Call, name: string): readonly number[] {
  return listOption(call, name).map((text) => {
    if (/^\d{1,5}$/.test(text)) return Number(text);
    throw new UsageError(`Cannot filter by endpoint "${text}": not an endpoint number`);
  });
}
