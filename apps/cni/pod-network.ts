// SPDX-License-Identifier: Apache-2.0
// The kernel's side of an attachment: veth pair, addresses and routes.
import type { DaemonConfiguration } from "../../src/api/index.ts";
import { compareIp, macToBytes, parseIp, randomMac } from "../../src/core/index.ts";
import { type Fd, Rtnetlink, writeSysctl } from "../../src/kernel/index.ts";
import { podAltName } from "./attachment.ts";
import { CniError, cniCodes } from "./errors.ts";
import type { ExpectedInterface, PodAddress } from "./result.ts";

type PmtudMode = NonNullable<DaemonConfiguration["status"]["packetizationLayerPMTUDMode"]>;

/** net.ipv4.tcp_mtu_probing, of both families. */
const mtuProbing: Readonly<Record<PmtudMode, number>> = { disabled: 0, blackhole: 1, always: 2 };

export interface PodNetworkSpec {
  readonly hostInterface: string;
  readonly interfaceName: string;
  readonly netns: Fd;
  readonly addresses: readonly PodAddress[];
  /** 0: the kernel's default. */
  readonly deviceMtu: number;
  /** 0: none. */
  readonly routeMtu: number;
  /** When TCP looks for the path MTU by itself; undefined: as the kernel has it. */
  readonly pmtud?: PmtudMode | undefined;
  /** Of the pod's device; undefined: any. */
  readonly mac?: string;
  /** ifindex of the device that the pod's one is to be an ipvlan slave of; undefined: it is an end of a pair. */
  readonly master?: number;
}

export interface PodNetwork {
  readonly hostIfindex: number;
  readonly hostMac: string;
  readonly mac: string;
}

/** Sockets of one command, in the host's namespace and in the container's. */
export class Namespaces implements Disposable {
  readonly host: Rtnetlink;
  readonly pod: Rtnetlink;

  constructor(netns: Fd) {
    this.host = new Rtnetlink();
    this.pod = new Rtnetlink({ netns });
  }

  [Symbol.dispose](): void {
    this.host.close();
    this.pod.close();
  }
}

/**
 * Makes the pair, both ends up, or the slave; addresses and routes in place. On an error it is removed again. Of a slave
 * the host side is its master.
 */
export function createPodNetwork(namespaces: Namespaces, spec: PodNetworkSpec): PodNetwork {
  return spec.master === undefined ? createPair(namespaces, spec) : createSlave(namespaces, spec, spec.master);
}

/** Nothing passes until the agent knows the endpoint: its programs drop what comes from no pod of theirs. */
function createSlave({ host, pod }: Namespaces, spec: PodNetworkSpec, master: number): PodNetwork {
  const { interfaceName: name, netns, deviceMtu } = spec;
  const device = host.link(master);
  if (device === undefined) throw new CniError(cniCodes.io, `Cannot find the ipvlan master device (index ${master})`);
  if (spec.mac !== undefined && spec.mac !== device.mac) {
    const why = `ipvlan devices have the MAC address of their master "${device.name}", ${device.mac}`;
    throw new CniError(cniCodes.invalidConfig, `Cannot give "${name}" MAC address ${spec.mac}: ${why}`);
  }
  // Kernels before 6.13 look for the name among the host's devices too, where there may be an eth0.
  const temporary = spec.hostInterface;
  host.createIpvlan({ name: temporary, master, netns, ...(deviceMtu > 0 && { mtu: Math.min(deviceMtu, device.mtu) }) });
  try {
    // Marked before it has its name: killed in between, what is left is known as this plugin's.
    pod.setLink(temporary, { altName: podAltName(name) });
    pod.setLink(temporary, { name });
    configurePod(pod, spec, device.mac);
    return { hostIfindex: master, hostMac: device.mac, mac: device.mac };
  } catch (error) {
    if (!pod.deleteLink(temporary)) pod.deleteLink(name);
    throw error;
  }
}

function createPair({ host, pod }: Namespaces, spec: PodNetworkSpec): PodNetwork {
  const mtu = spec.deviceMtu > 0 ? { mtu: spec.deviceMtu } : {};
  const [hostMac, mac] = [randomMac(), spec.mac ?? randomMac()];
  const peer = { name: spec.interfaceName, netns: spec.netns, mac, ...mtu };
  const link = host.createVeth({ name: spec.hostInterface, mac: hostMac, ...mtu, peer });
  try {
    // No link-local address on the host side: our programs answer for it.
    host.setLink(link.ifindex, { noAddrGen: true });
    writeSysctl(`net/ipv4/conf/${spec.hostInterface}/rp_filter`, 0);
    host.setLink(link.ifindex, { up: true });
    pod.setLink(spec.interfaceName, { altName: podAltName(spec.interfaceName) });
    configurePod(pod, spec, mac);
    return { hostIfindex: link.ifindex, hostMac, mac };
  } catch (error) {
    host.deleteLink(link.ifindex);
    throw error;
  }
}

function configurePod(pod: Rtnetlink, spec: PodNetworkSpec, mac: string): void {
  const ifindex = pod.link(spec.interfaceName)?.ifindex;
  if (ifindex === undefined) throw new CniError(cniCodes.io, `Cannot find "${spec.interfaceName}" in the container`);
  if (spec.addresses.some(({ family }) => family === 6)) {
    writeSysctl(`net/ipv6/conf/${spec.interfaceName}/disable_ipv6`, 0, spec.netns);
  }
  pod.setLink(ifindex, { noAddrGen: true });
  for (const { family, address } of spec.addresses) {
    pod.addAddress({ ifindex, address, prefixLength: family === 4 ? 32 : 128, noDad: true });
  }
  // The kernel asks whether a neighbour is still there from the link-local address only: without one, the gateway
  // counts as failed half a minute after the last packet. Ours needs no duplicate detection.
  if (spec.master === undefined && spec.addresses.some(({ family }) => family === 6)) {
    pod.addAddress({ ifindex, address: linkLocal(mac), prefixLength: 64, noDad: true, scope: "link" });
  }
  if (spec.pmtud !== undefined) writeSysctl("net/ipv4/tcp_mtu_probing", mtuProbing[spec.pmtud], spec.netns);
  pod.setLink("lo", { up: true });
  pod.setLink(ifindex, { up: true });
  const mtu = spec.routeMtu > 0 ? { mtu: spec.routeMtu } : {};
  for (const { family, gateway } of spec.addresses) {
    const [own, all] = family === 4 ? [`${gateway}/32`, "0.0.0.0/0"] : [`${gateway}/128`, "::/0"];
    if (spec.master !== undefined) {
      pod.replaceRoute({ destination: all, ifindex, scope: "link", ...mtu });
      continue;
    }
    pod.replaceRoute({ destination: own, ifindex, scope: "link", protocol: 2 });
    pod.replaceRoute({ destination: all, gateway, ifindex, ...mtu });
  }
}

/** The EUI-64 address of RFC 4291, appendix A: `fe80::` with the MAC, its second lowest bit turned over. */
export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = macToBytes(mac);
  const words = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return parseIp(`fe80::${words.map((word) => word.toString(16)).join(":")}`);
}

/**
 * Removes what an interrupted ADD left: the host side, which takes the other end along whatever that is called yet, and a
 * device of the same name in the container, if this plugin made it. Throws CniError 103 when that is somebody else's.
 */
export function removeLeftovers({ host, pod }: Namespaces, interfaceName: string, hostInterface: string): void {
  host.deleteLink(hostInterface);
  const link = pod.link(interfaceName);
  if (link !== undefined && !link.altNames.includes(podAltName(interfaceName))) {
    throw new CniError(cniCodes.alreadyAttached, `Cannot create "${interfaceName}": the container has such a device`);
  }
  if (link !== undefined) pod.deleteLink(link.ifindex);
  pod.deleteLink(hostInterface);
}

/** Whether the container has a device of that name which this plugin made. */
export function hasOwnDevice(pod: Rtnetlink, interfaceName: string): boolean {
  return pod.link(interfaceName)?.altNames.includes(podAltName(interfaceName)) === true;
}

/** Removes the pair from whichever side still has it, never another plugin's device; nothing there is fine. */
export function deletePodNetwork(netns: Fd | undefined, interfaceName: string, hostInterface: string): void {
  if (netns !== undefined) {
    using pod = new Rtnetlink({ netns });
    const link = pod.link(interfaceName);
    if (link?.altNames.includes(podAltName(interfaceName))) pod.deleteLink(link.ifindex);
  }
  using host = new Rtnetlink();
  host.deleteLink(hostInterface);
}

/** Sets the pod device's MAC, where the agent answered with another one. */
export function setPodMac(netns: Fd, interfaceName: string, mac: string): void {
  using pod = new Rtnetlink({ netns });
  pod.setLink(interfaceName, { mac });
}

/** Throws CniError 104 that says what of the expected interface is not there. */
export function checkPodNetwork(netns: Fd, interfaceName: string, expected: ExpectedInterface): void {
  using pod = new Rtnetlink({ netns });
  const link = pod.link(interfaceName);
  if (link === undefined) throw wrong(interfaceName, "the container has no such device");
  if (!link.up) throw wrong(interfaceName, "it is down");
  if (expected.mac !== undefined && expected.mac.toLowerCase() !== link.mac) {
    throw wrong(interfaceName, `its MAC is ${link.mac}, expected ${expected.mac}`);
  }
  const present = pod.addresses({ ifindex: link.ifindex }).map(({ address }) => address);
  // Where another plugin made the device, which routes there are is that one's to know.
  const routes = link.altNames.includes(podAltName(interfaceName)) ? pod.routes({ ifindex: link.ifindex }) : undefined;
  for (const text of expected.addresses) {
    const address = parseIp(text);
    if (!present.some((other) => compareIp(other, address) === 0))
      throw wrong(interfaceName, `address ${address} is missing`);
    const all = address.includes(":") ? "::/0" : "0.0.0.0/0";
    if (routes?.some((route) => route.destination === all) === false)
      throw wrong(interfaceName, `route ${all} is missing`);
  }
}

function wrong(interfaceName: string, what: string): CniError {
  return new CniError(cniCodes.networkNotAsExpected, `Cannot confirm "${interfaceName}": ${what}`);
}
