// SPDX-License-Identifier: Apache-2.0
// bpf policy: the entries that the programs decide by.
import { join } from "node:path";
import type { PolicyRuleName } from "../../../../src/api/index.ts";
import {
  authTypeName,
  type EndpointConfigRow,
  type OpenedMaps,
  type PolicyMapRow,
  portRangeOfPrefix,
  protocolName,
} from "../../../../src/datapath/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, flag } from "../../define.ts";
import { UsageError } from "../../errors.ts";
import { alignTable, type Line } from "../../output/table.ts";
import { ruleText } from "../../rule-text.ts";
import { bpfRoot, bpfRootOption, openMaps } from "./maps.ts";
import { addPolicy, deletePolicy } from "./policy-change.ts";
import { entryModel, prefixLength } from "./policy-model.ts";

const numeric = ["-n, --numeric", "identities as numbers"] as const;
const emptyText = "Policy stats empty. Perhaps the policy enforcement is disabled?";

export const policy: CommandSpec = {
  usage: "policy",
  summary: "Policy entries of endpoints",
  commands: [
    {
      usage: "get [endpoints...]",
      summary: "Show the policy of endpoints (by number)",
      options: [numeric, ["--all", "of all endpoints"], bpfRootOption],
      run: async (context, call) => {
        if (call.args.length === 0 && !flag(call, "all")) {
          throw new UsageError("Cannot get policy: give endpoint numbers or --all");
        }
        await show(context, call, flag(call, "all") ? undefined : call.args.map(endpointNumber));
      },
    },
    {
      usage: "list",
      aliases: ["ls"],
      summary: "Show the policy of all endpoints",
      options: [numeric, bpfRootOption],
      run: (context, call) => show(context, call, undefined),
    },
    addPolicy,
    deletePolicy,
  ],
};

function endpointNumber(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new UsageError(`Cannot get policy of "${text}": not an endpoint number`);
}

/** `wanted` undefined: all endpoints, each with a heading. */
async function show(context: Context, call: Call, wanted: readonly number[] | undefined): Promise<void> {
  using maps = await openMaps(context, call);
  const configs = wanted === undefined ? maps.endpoints.list() : wanted.map((id) => endpointOf(maps, id));
  const labels = flag(call, "numeric") || context.structured ? undefined : await labelsById(context);
  const found = configs.map((config) => ({ config, rows: entriesOf(maps, config) }));
  const root = await bpfRoot(context, call);
  const rules = await rulesByCookie(context);
  const several = wanted === undefined || wanted.length > 1;
  const models = found.map(({ config, rows }) => ({
    ...{ EndpointID: String(config.id), Path: pathOf(root) },
    Content: rows.map((row) => entryModel(row, rules.get(row.cookie))),
  }));
  await context.result(several ? models : (models[0]?.Content ?? []), () =>
    found.flatMap(({ config, rows }) => {
      const entries = formatEntries(rows, labels, rules);
      return several ? [...heading(config, root), "", ...entries, "", ""] : entries;
    }),
  );
}

function endpointOf(maps: OpenedMaps, id: number): EndpointConfigRow {
  const config = maps.endpoints.get(id);
  if (config !== undefined) return config;
  throw new UsageError(`Cannot get policy of endpoint ${id}: no such endpoint on this node`);
}

/** All endpoints share a map of sets. */
function pathOf(root: string): string {
  return join(root, "tc/globals/cilium_policy_v2_peers");
}

function heading(config: EndpointConfigRow, root: string): string[] {
  return [
    `Endpoint ID: ${config.id}`,
    `Path: ${pathOf(root)} (ingress set ${config.ingressSet}, egress set ${config.egressSet})`,
  ];
}

/** Entries that the endpoint's directions use. */
function entriesOf(maps: OpenedMaps, config: EndpointConfigRow): PolicyMapRow[] {
  const sets = [
    { direction: "ingress", set: config.enforceIngress ? config.ingressSet : 0 },
    { direction: "egress", set: config.enforceEgress ? config.egressSet : 0 },
  ];
  return sets
    .flatMap(({ direction, set }) =>
      set === 0 ? [] : maps.policy.list(set).filter((row) => row.direction === direction),
    )
    .sort(compare);
}

/** The table of one endpoint; without `labels` identities are numbers. */
function formatEntries(
  rows: readonly PolicyMapRow[],
  labels: ReadonlyMap<number, readonly string[]> | undefined,
  rules: ReadonlyMap<number, PolicyRuleName>,
): string[] {
  if (rows.length === 0) return [emptyText];
  const whom = labels === undefined ? "IDENTITY" : "LABELS (source:key[=value])";
  const lines = rows.flatMap((row): Line[] => {
    const [first = "ANY", ...others] =
      row.identity === 0 ? ["ANY"] : (labels?.get(row.identity) ?? [String(row.identity)]);
    return [
      [
        capitalized(row.verdict),
        capitalized(row.direction),
        first,
        portText(row),
        row.proxyPort === 0 ? "NONE" : String(row.proxyPort),
        authTypeName(row.authType),
        "-",
        "-",
        String(prefixLength(row)),
        String(row.cookie),
        ...(rules.size === 0 ? [] : [ruleOf(rules, row.cookie)]),
      ],
      ...others.map((label): Line => ["", "", label]),
    ];
  });
  const header = ["POLICY", "DIRECTION", whom, "PORT/PROTO", "PROXY PORT", "AUTH TYPE"];
  return alignTable(
    [[...header, "BYTES", "PACKETS", "PREFIX", "COOKIE", ...(rules.size === 0 ? [] : ["RULE"])]],
    lines,
  );
}

function portText({ protocol, port, portPrefix }: PolicyMapRow): string {
  if (protocol === 0) return "ANY";
  if (portPrefix === 0) return protocolName(protocol);
  const { start, end } = portRangeOfPrefix({ port, length: portPrefix });
  return `${start === end ? start : `${start}-${end}`}/${protocolName(protocol)}`;
}

/** Denies first, then by direction and identity. */
function compare(a: PolicyMapRow, b: PolicyMapRow): number {
  const denies = Number(b.verdict === "deny") - Number(a.verdict === "deny");
  const direction = a.direction === b.direction ? 0 : a.direction === "ingress" ? -1 : 1;
  return denies || direction || a.identity - b.identity || a.protocol - b.protocol || a.port - b.port;
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** `-` where no rule decides. */
function ruleOf(rules: ReadonlyMap<number, PolicyRuleName>, cookie: number): string {
  const rule = rules.get(cookie);
  return rule === undefined ? "-" : ruleText(rule);
}

/** From the agent; none without it, and then there is no column for them. */
async function rulesByCookie(context: Context): Promise<ReadonlyMap<number, PolicyRuleName>> {
  try {
    return new Map((await context.client(2000).policyRules()).map(({ cookie, rule }) => [cookie, rule]));
  } catch {
    return new Map();
  }
}

/** From the agent; without it the identities are shown as numbers. */
async function labelsById(context: Context): Promise<ReadonlyMap<number, readonly string[]>> {
  try {
    const identities = await context.client(2000).listIdentities();
    return new Map(identities.map(({ id, labels }) => [id, [...labels].sort()]));
  } catch {
    return new Map();
  }
}
