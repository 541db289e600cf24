// SPDX-License-Identifier: Apache-2.0
// The node's side of ipvlan pods: rules by which all that they send leaves by the master device, where programs wait for
// it, and a slave of the node's own that keeps the node's addresses from them.
import { type Family, hostCidr } from "../../core/index.ts";
import { type Link, ROUTE_TABLE_LOCAL, type Rtnetlink, type Rule, requireFeature } from "../../kernel/index.ts";
import { DatapathError } from "../errors.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";

/** Holds the node's addresses, so that no pod's slave gets them; never up. */
export const reservedDevice = "cilium_ipvlan";

/** The routing table of what slaves send. */
const TABLE = 2010;
/** Where the rule of the local table stands, as with Cilium, and where the kernel had it. */
const LOCAL_PRIORITY = 100;
const KERNEL_LOCAL_PRIORITY = 0;
const SLAVES_PRIORITY = 99;
const SOCKETS_PRIORITY = 98;

/** IPVLAN_GATEWAY_MAC of bpf/abi/endpoint.h. */
const gatewayMac = "02:69:70:76:6c:61";
const gateways: Readonly<Record<Family, { readonly address: string; readonly all: string }>> = {
  4: { address: "169.254.250.1", all: "0.0.0.0/0" },
  6: { address: "fe80::6970:766c:616e", all: "::/0" },
};

type IpvlanConfig = Pick<DatapathConfig, "enableIpv4" | "enableIpv6"> & { readonly ipvlanMaster: string };

/**
 * Keeps it all. The kernel routes what a slave sends in the master's namespace with the master as wanted device and
 * without ports, which no socket of the node does: the sockets' rule comes first and leads past the slaves' one.
 */
export function ensureIpvlanMaster(rtnl: Rtnetlink, status: ObjectStatus, config: IpvlanConfig): void {
  const { ipvlanMaster } = config;
  status.keep("device", reservedDevice, () => ensureReserved(rtnl, needMaster(rtnl, ipvlanMaster)));
  status.keep("address", `of ${reservedDevice}`, () => ensureAddresses(rtnl, needMaster(rtnl, ipvlanMaster)));
  for (const family of families(config)) {
    status.keep("route", `ipvlan IPv${family}`, () => ensureWay(rtnl, family, needMaster(rtnl, ipvlanMaster)));
  }
}

/** Takes it away: the rules first, so that nothing is led to a gateway that is not there. False: nothing was there. */
export function removeIpvlanMaster(rtnl: Rtnetlink): boolean {
  let changed = false;
  for (const family of [4, 6] as const) {
    const rules = rtnl.rules(family);
    const ours = rules.filter(isOurs);
    // Ours are the sign that the local table's was moved: they go last.
    if (ours.length > 0) changed = moveLocal(rtnl, rules, family, KERNEL_LOCAL_PRIORITY, LOCAL_PRIORITY) || changed;
    for (const rule of ours) changed = rtnl.deleteRule(rule) || changed;
    const { address, all } = gateways[family];
    for (const { ifindex } of rtnl.routes({ family, table: TABLE })) {
      rtnl.deleteRoute({ destination: all, table: TABLE, ifindex });
      if (ifindex !== undefined) rtnl.deleteNeighbor({ ifindex, address });
    }
  }
  return (isReserved(rtnl.link(reservedDevice)) && rtnl.deleteLink(reservedDevice)) || changed;
}

/** What removeIpvlanMaster() would take away, for people. */
export function findIpvlanMaster(rtnl: Rtnetlink): { readonly kind: "device" | "route"; readonly name: string }[] {
  const rules = rtnl.rules().filter(isOurs);
  return [
    ...(isReserved(rtnl.link(reservedDevice)) ? [{ kind: "device" as const, name: reservedDevice }] : []),
    ...rules.map(({ family, priority }) => ({ kind: "route" as const, name: `rule ${priority} of IPv${family}` })),
  ];
}

function needMaster(rtnl: Rtnetlink, name: string): Link {
  const link = rtnl.link(name);
  if (link !== undefined) return link;
  throw new DatapathError(
    `Cannot use device "${name}" for ipvlan pods: it is not there (ipvlan-master-device names a device of this node)`,
  );
}

function families({ enableIpv4, enableIpv6 }: IpvlanConfig): Family[] {
  return [enableIpv4 && 4, enableIpv6 && 6].filter((family): family is Family => family !== false);
}

function isReserved(link: Link | undefined): boolean {
  return link?.kind === "ipvlan" && link.name === reservedDevice;
}

function ensureReserved(rtnl: Rtnetlink, master: Link): boolean {
  const present = rtnl.link(reservedDevice);
  if (isReserved(present) && present?.peerIfindex === master.ifindex) return false;
  if (present !== undefined) rtnl.deleteLink(present.ifindex);
  requireFeature("ipvlan");
  rtnl.createIpvlan({ name: reservedDevice, master: master.ifindex });
  rtnl.setLink(reservedDevice, { noAddrGen: true });
  return true;
}

/** Every address that the node has on a device that others can reach, and the master's link-local ones. */
function ensureAddresses(rtnl: Rtnetlink, master: Link): boolean {
  const ifindex = rtnl.link(reservedDevice)?.ifindex;
  if (ifindex === undefined) throw new DatapathError(`Cannot set addresses of "${reservedDevice}": it is not there`);
  const all = rtnl.addresses();
  const isNeeded = (a: (typeof all)[number]) =>
    a.ifindex !== ifindex && (a.scope === "universe" || (a.scope === "link" && a.ifindex === master.ifindex));
  const wanted = new Set(all.filter(isNeeded).map(({ address }) => address));
  const present = new Set(all.filter((a) => a.ifindex === ifindex).map(({ address }) => address));
  const prefix = (address: string) => Number(hostCidr(address).split("/")[1]);
  const spec = (address: string) => ({ ifindex, address, prefixLength: prefix(address), noDad: true });
  for (const address of present.difference(wanted)) rtnl.deleteAddress(spec(address));
  for (const address of wanted.difference(present)) rtnl.addAddress(spec(address));
  return present.symmetricDifference(wanted).size > 0;
}

function ensureWay(rtnl: Rtnetlink, family: Family, { ifindex, name }: Link): boolean {
  const { address, all } = gateways[family];
  const known = rtnl.neighbors({ ifindex, family }).some((n) => n.address === address && n.mac === gatewayMac);
  if (!known) rtnl.replaceNeighbor({ ifindex, address, mac: gatewayMac });
  const routes = rtnl.routes({ family, table: TABLE });
  const routed = routes.some((route) => route.ifindex === ifindex && route.gateway === address);
  if (!routed) {
    for (const route of routes) rtnl.deleteRoute({ destination: all, table: TABLE, ifindex: route.ifindex });
    rtnl.replaceRoute({ destination: all, gateway: address, ifindex, table: TABLE, protocol: 2, onlink: true });
  }
  const rules = rtnl.rules(family);
  const wanted = wantedRules(family, name);
  const stale = rules.filter((rule) => isOurs(rule) && rule.outputInterface !== name);
  for (const rule of stale) rtnl.deleteRule(rule);
  const missing = wanted.filter(({ priority }) => !rules.some((r) => r.priority === priority && !stale.includes(r)));
  for (const rule of missing) rtnl.addRule(rule);
  const moved = moveLocal(rtnl, rules, family, LOCAL_PRIORITY, KERNEL_LOCAL_PRIORITY);
  return !known || !routed || stale.length > 0 || missing.length > 0 || moved;
}

/** In the order in which they are to be made. */
function wantedRules(family: Family, outputInterface: string): readonly Rule[] {
  const sockets = { family, priority: SOCKETS_PRIORITY, table: 0, goto: LOCAL_PRIORITY, outputInterface } as const;
  const slaves = { family, priority: SLAVES_PRIORITY, table: TABLE, outputInterface } as const;
  // The type of an ICMP message stands where ports do.
  return [{ ...sockets, destinationPorts: [1, 65_534] }, slaves];
}

function isOurs({ priority, table, goto }: Rule): boolean {
  return table === TABLE || (priority === SOCKETS_PRIORITY && goto === LOCAL_PRIORITY);
}

/** There is a rule of the local table at every moment. True when one was moved. */
function moveLocal(rtnl: Rtnetlink, rules: readonly Rule[], family: Family, to: number, from: number): boolean {
  const isLocalAt = (priority: number) => (rule: Rule) =>
    rule.table === ROUTE_TABLE_LOCAL && rule.priority === priority && rule.mark === undefined;
  const stands = rules.some(isLocalAt(to));
  const local: Rule = { family, priority: to, table: ROUTE_TABLE_LOCAL };
  if (!stands) rtnl.addRule(local);
  const old = rules.filter(isLocalAt(from));
  for (const rule of old) rtnl.deleteRule(rule);
  return !stands || old.length > 0;
}
