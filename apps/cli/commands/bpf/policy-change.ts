// SPDX-License-Identifier: Apache-2.0
// bpf policy add and delete: entries of one endpoint by hand, on a node whose agent is stopped. Sets are shared and have
// one writer, so the endpoint gets a set of its own.
import { CiliumError } from "../../../../src/core/index.ts";
import {
  type EndpointConfigRow,
  isDatapathKept,
  type OpenedMaps,
  type PolicyMapEntry,
  protocolName,
  protocolNumber,
} from "../../../../src/datapath/index.ts";
import type { Context } from "../../context.ts";
import { type Call, type CommandSpec, flag, textOption } from "../../define.ts";
import { UsageError } from "../../errors.ts";
import { bpfRoot, bpfRootOption, openMaps } from "./maps.ts";

const EXACT_PORT = 16;

export const addPolicy: CommandSpec = {
  usage: "add <endpoint> <direction> <identity> [port]",
  summary: "Add an entry, while no agent runs: ENDPOINT ingress|egress IDENTITY [PORT/PROTOCOL]",
  options: [["--deny", "the entry denies"], ["--cookie <number>", "rule that the entry names", "0"], bpfRootOption],
  plain: true,
  run: (context, call) =>
    change(context, call, "add", (entries, wanted) => [
      ...(entries ?? [allowAll(wanted.direction)]).filter((entry) => !sameKey(entry, wanted)),
      wanted,
    ]),
};

export const deletePolicy: CommandSpec = {
  usage: "delete <endpoint> <direction> <identity> [port]",
  summary: "Delete an entry, while no agent runs: ENDPOINT ingress|egress IDENTITY [PORT/PROTOCOL]",
  options: [bpfRootOption],
  plain: true,
  run: (context, call) =>
    change(context, call, "delete", (entries = [], wanted) => {
      const left = entries.filter((entry) => !sameKey(entry, wanted));
      if (left.length < entries.length) return left;
      throw new CiliumError(`Cannot delete policy entry "${keyText(wanted)}": there is none`);
    }),
};

/** What a set without enforcement means. */
function allowAll(direction: PolicyMapEntry["direction"]): PolicyMapEntry {
  return { ...noPort, identity: 0, direction, verdict: "allow", cookie: 0, proxyPort: 0, authType: 0 };
}

type Edit = (entries: readonly PolicyMapEntry[] | undefined, wanted: PolicyMapEntry) => readonly PolicyMapEntry[];

/** `edit` gets undefined for a direction that is not enforced. */
async function change(context: Context, call: Call, verb: "add" | "delete", edit: Edit): Promise<void> {
  const { id, wanted } = readArguments(call, verb);
  using maps = await openMaps(context, call);
  const root = await bpfRoot(context, call);
  if (await isDatapathKept(root)) {
    throw new CiliumError(
      `Cannot ${verb} policy entry "${keyText(wanted)}": the agent keeps the entries below "${root}" (use policy import, or stop it)`,
    );
  }
  const config = maps.endpoints.get(id);
  if (config === undefined) throw new CiliumError(`Cannot ${verb} policy entry: no endpoint ${id} on this node`);
  replaceSet(maps, config, wanted.direction, (entries) => edit(entries, wanted));
}

function replaceSet(
  maps: OpenedMaps,
  config: EndpointConfigRow,
  direction: PolicyMapEntry["direction"],
  edit: (entries: readonly PolicyMapEntry[] | undefined) => readonly PolicyMapEntry[],
): void {
  const ingress = direction === "ingress";
  const enforced = ingress ? config.enforceIngress : config.enforceEgress;
  const old = ingress ? config.ingressSet : config.egressSet;
  const entries = edit(enforced ? maps.policy.list(old) : undefined);
  const set = Math.max(0, ...maps.policy.sets(), ...maps.endpoints.list().flatMap(setsOf)) + 1;
  maps.policy.writeSet(set, entries);
  const policyRevision = config.policyRevision + 1;
  const change = ingress ? { ingressSet: set, enforceIngress: true } : { egressSet: set, enforceEgress: true };
  maps.endpoints.upsertMany([{ ...config, policyRevision, ...change }]);
}

function setsOf({ ingressSet, egressSet }: EndpointConfigRow): number[] {
  return [ingressSet, egressSet];
}

function readArguments(call: Call, verb: string): { id: number; wanted: PolicyMapEntry } {
  const [endpoint = "", direction = "", identity = "", port] = call.args;
  const number = (text: string, most: number, what: string): number => {
    if (/^\d{1,10}$/.test(text) && Number(text) <= most) return Number(text);
    throw new UsageError(`Cannot ${verb} policy entry: ${what} "${text}" is not a number from 0 to ${most}`);
  };
  const lower = direction.toLowerCase();
  if (lower !== "ingress" && lower !== "egress") {
    throw new UsageError(`Cannot ${verb} policy entry: direction "${direction}" is neither ingress nor egress`);
  }
  const wanted: PolicyMapEntry = {
    identity: number(identity, 0xffffffff, "identity"),
    direction: lower,
    ...(port === undefined ? noPort : portOf(port, verb)),
    verdict: flag(call, "deny") ? "deny" : "allow",
    cookie: number(textOption(call, "cookie") ?? "0", 0xffffffff, "cookie"),
    proxyPort: 0,
    authType: 0,
  };
  return { id: number(endpoint, 65535, "endpoint"), wanted };
}

type PortKey = Pick<PolicyMapEntry, "protocol" | "port" | "portPrefix">;
const noPort: PortKey = { protocol: 0, port: 0, portPrefix: 0 };

/** `80/TCP`; port 0 is any port of the protocol. */
function portOf(text: string, verb: string): PortKey {
  const [port = "", name = ""] = text.split("/");
  const protocol = protocolNumber(name);
  if (protocol === undefined || protocol === 0 || !/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    throw new UsageError(`Cannot ${verb} policy entry: "${text}" is not PORT/PROTOCOL, such as 80/TCP`);
  }
  return { protocol, port: Number(port), portPrefix: port === "0" ? 0 : EXACT_PORT };
}

function sameKey(a: PolicyMapEntry, b: PolicyMapEntry): boolean {
  return a.identity === b.identity && a.protocol === b.protocol && a.port === b.port && a.portPrefix === b.portPrefix;
}

function keyText({ identity, port, protocol }: PolicyMapEntry): string {
  return `${identity} ${port}/${protocolName(protocol)}`;
}
