// SPDX-License-Identifier: Apache-2.0
// What a node's agent has brought about, by names instead of numbers: two dumps are equal when they mean the same.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { agentClient, loadPods, nodeOf, type Sandbox, sandboxPaths } from "../../apps/sandbox/index.ts";
import { type EndpointConfigRow, openPinnedMaps, type PolicyMapRow } from "../../src/datapath/index.ts";
import { BpfLink, BpfProgram, queryTcx, Rtnetlink, withNetns } from "../../src/kernel/index.ts";

/** Lines, sorted. */
export type Dump = readonly string[];

/** Pods by address and by endpoint, labels by identity. */
interface Names {
  address(ip: string): string;
  endpoint(id: number): string;
  identity(id: number): string;
}

/** Kernel, tables and state folder of one node. Throws while its agent does not answer. */
export async function dumpNode(sandbox: Sandbox, nodeName: string): Promise<Dump> {
  const node = nodeOf(sandbox, nodeName);
  const paths = sandboxPaths(sandbox.name).node(nodeName);
  const client = agentClient(sandbox, node);
  const endpoints = await client.listEndpoints();
  const identities = await client.listIdentities();
  const pods = new Map(loadPods(sandbox).flatMap(({ name, ips }) => ips.map((ip) => [ip, name] as const)));
  const podOf = new Map(
    endpoints.map(({ id, status }) => [id, status["external-identifiers"]["k8s-pod-name"] ?? "no pod"] as const),
  );
  const labelsOf = new Map(identities.map(({ id, labels }) => [id, labels?.join(",") ?? ""] as const));
  const names: Names = {
    address: (ip) => {
      const pod = pods.get(ip.replace(/\/(32|128)$/, ""));
      return pod === undefined ? ip : `${pod}/${ip.includes(":") ? 6 : 4}`;
    },
    endpoint: (id) => podOf.get(id) ?? `endpoint ${id}`,
    identity: (id) => labelsOf.get(id) ?? String(id),
  };
  const lines = [
    ...endpoints.map(({ id, status }) => {
      const { realized } = status.policy;
      return `row ${names.endpoint(id)} ${status.state} ${names.identity(status.identity?.id ?? 0)} ${realized["policy-enabled"]}`;
    }),
    ...dumpMaps(paths.bpf, names),
    ...dumpLinks(paths.netns, paths.bpf, names, endpoints),
    ...dumpState(paths.state, names),
  ];
  return lines.sort();
}

function dumpMaps(bpf: string, names: Names): string[] {
  using maps = openPinnedMaps(bpf);
  const rules = Map.groupBy(maps.policy.list(), (row) => row.set);
  const slots = maps.endpoints.list();
  const used = new Set(slots.flatMap(({ ingressSet, egressSet }) => [ingressSet, egressSet]));
  return [
    ...maps.lxc
      .list()
      .map((row) => `lxc ${names.address(row.address)} ${row.host ? "host" : names.endpoint(row.endpointId)}`),
    ...slots.map((slot) => `slot ${names.endpoint(slot.id)} ${describeSlot(slot, rules, names)}`),
    ...[...rules.keys()].filter((set) => !used.has(set)).map((set) => `policy set that nobody uses: ${set}`),
    ...maps.ipcache
      .list()
      .map(
        ({ prefix, identity, tunnelEndpoint }) =>
          `ipcache ${names.address(prefix)} ${names.identity(identity)} ${tunnelEndpoint ?? ""}`,
      ),
    ...maps.nodes.list().map(({ address }) => `node ${address}`),
    ...readdirSync(join(bpf, "tc/globals")).map((name) => `pin ${name}`),
  ];
}

function describeSlot(slot: EndpointConfigRow, rules: ReadonlyMap<number, PolicyMapRow[]>, names: Names): string {
  const set = (id: number) =>
    (rules.get(id) ?? [])
      .map((rule) =>
        [
          names.identity(rule.identity),
          rule.direction,
          rule.protocol,
          `${rule.port}/${rule.portPrefix}`,
          rule.verdict,
        ].join(" "),
      )
      .sort();
  const ingress = slot.enforceIngress ? set(slot.ingressSet) : "open";
  const egress = slot.enforceEgress ? set(slot.egressSet) : "open";
  const { identity, audit, ready } = slot;
  return JSON.stringify({ identity: names.identity(identity), audit, ready, ingress, egress });
}

/** Every endpoint's hooks run one program, of the one generation there is, over a link that is pinned. */
function dumpLinks(netns: string, bpf: string, names: Names, endpoints: readonly { readonly id: number }[]): string[] {
  const root = join(bpf, "cilium");
  return withNetns(netns, () => {
    using rtnl = new Rtnetlink();
    const devices = rtnl.links().filter(({ name }) => name.startsWith("lxc"));
    const generations = readdirSync(join(root, "programs"));
    const calls = Number(generations[0]?.split("-").at(-1));
    const pinned = existsSync(join(root, "endpoints")) ? readdirSync(join(root, "endpoints")) : [];
    const links = [...new Set([...pinned.map(Number), ...endpoints.map(({ id }) => id)])].flatMap((id) => {
      return ["cil_from_container", "cil_to_container"].map((pin) => {
        const hook = pin === "cil_from_container" ? "ingress" : "egress";
        const path = join(root, "endpoints", String(id), "links", pin);
        // A new endpoint begins without links.
        if (!existsSync(path)) return `link ${names.endpoint(id)} ${hook} off`;
        using link = BpfLink.openPinned(path);
        const { ifindex = 0, programId } = link.info();
        using program = BpfProgram.fromId(programId);
        const current = program.mapIds().includes(calls);
        const runs = ifindex !== 0 && queryTcx(ifindex, hook).join() === String(programId);
        return `link ${names.endpoint(id)} ${hook} ${current ? "current" : "old"} ${runs ? "runs" : "off"}`;
      });
    });
    const ifindexes = rtnl.links().filter(({ name }) => name.startsWith("cilium_"));
    const routes = ifindexes.flatMap(({ ifindex, name }) =>
      rtnl.routes({ table: 254, ifindex }).map((route) => `route ${route.destination} ${route.gateway ?? ""} ${name}`),
    );
    return [`devices ${devices.length}`, `generations ${generations.length}`, ...links, ...routes];
  });
}

function dumpState(state: string, names: Names): string[] {
  const folder = join(state, "state");
  if (!existsSync(folder)) return [];
  // Beside endpoints there is what the agent runs with.
  const ids = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  return ids.map((id) => {
    const stored = JSON.parse(readFileSync(join(folder, id, "endpoint.json"), "utf8")) as { podName?: string };
    return `stored ${names.endpoint(Number(id))} ${stored.podName ?? ""}`;
  });
}

/** What one has and the other has not; empty when they are equal. */
export function difference(actual: Dump, expected: Dump): string[] {
  return [
    ...expected.filter((line) => !actual.includes(line)).map((line) => `missing: ${line}`),
    ...actual.filter((line) => !expected.includes(line)).map((line) => `too much: ${line}`),
    ...(actual.length === expected.length ? [] : [`${actual.length} lines instead of ${expected.length}`]),
  ];
}
