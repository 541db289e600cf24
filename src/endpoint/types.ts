// SPDX-License-Identifier: Apache-2.0
// Rows of the endpoints table.
import type { EndpointState, Labels, Status } from "../core/index.ts";
import type { OwnMonitor } from "../datapath/index.ts";
import type { Phase } from "./state.ts";

/** One line of an endpoint's history, as `endpoint log` prints it. */
export interface EndpointLogEntry {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly state: EndpointState;
  readonly code: "OK" | "Failed";
  readonly message: string;
}

/** The policy that the kernel enforces for an endpoint. */
export interface RealizedPolicy {
  /** Revision of the policy repository that it was resolved from. */
  readonly revision: number;
  readonly ingressEnforced: boolean;
  readonly egressEnforced: boolean;
  /** Policy sets; 0 when the direction is not enforced. */
  readonly ingressSet: number;
  readonly egressSet: number;
}

/** Why the kernel gets an endpoint anew. */
export type RegenerationCause =
  | "new endpoint"
  | "restored endpoint"
  | "labels changed"
  | "options changed"
  | "policies or identities changed";

/** Slot of cilium_endpoints that is the host's own. */
export const hostEndpointId = 65_535;

/** How a device differs from those that this project's CNI plugin makes by itself. */
export interface DeviceTraits {
  /** ARP and neighbour discovery are between the pod and what its device leads to; no answers of ours. */
  readonly neighborsPass: boolean;
  /** The stack routes the pod's packets, and the qdiscs of its device see them: no short cuts. */
  readonly byStack: boolean;
  /** Somebody else gives and takes back the addresses. */
  readonly externalIpam: boolean;
  /** ifindex of the bridge that the host side is a port of; 0: of none. */
  readonly parentIfindex: number;
  /** An ipvlan slave in the pod, without a host side: `ifindex` is the master's, `interfaceName` a name alone. */
  readonly ipvlan?: true | undefined;
}

/** Options of one endpoint; what is absent is as the agent's configuration says. */
export interface EndpointOptions extends OwnMonitor {
  /** Denied packets pass and are reported as audited. */
  readonly auditMode?: boolean;
  /** False: it may send from addresses that are not its own. */
  readonly sourceIpVerification?: boolean;
  /** Each regeneration is logged. */
  readonly debug?: boolean;
  readonly debugPolicy?: boolean;
  /** Kept for those who set it: no program chooses backends. */
  readonly debugLb?: boolean;
}

/** A pod's network interface on this node, or the host. */
export interface EndpointRow {
  /** 1–65534, the slot of cilium_endpoints; the host has `hostEndpointId`. */
  readonly id: number;
  /** The host itself: no pod, no device or address of its own; only its policy is realized. */
  readonly host?: true;
  readonly phase: Phase;
  readonly status: Status;
  readonly containerId: string;
  /** Name of the interface inside the pod, `eth0`. */
  readonly containerInterfaceName: string;
  readonly netnsPath: string;
  /** Host side of the veth pair, `lxc…`. */
  readonly interfaceName: string;
  readonly ifindex: number;
  readonly mac: string;
  readonly nodeMac: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUid?: string;
  /** Absent for a device with nothing special. */
  readonly traits?: DeviceTraits;
  /** Name of the CNI network that it was attached to. */
  readonly network?: string;
  /** Security-relevant labels. */
  readonly labels: Labels;
  /** Absent until allocated. */
  readonly identity?: number;
  /** Labels of the identity: the ones before while new labels wait for theirs. Absent until this run allocated it. */
  readonly identityLabels?: Labels;
  readonly policy?: RealizedPolicy;
  /** What it decides itself; never empty. */
  readonly options?: EndpointOptions;
  /** Moves when the policy has to be resolved again. */
  readonly generation: number;
  /** Why it moved last, for the log. */
  readonly cause?: RegenerationCause;
  /** The last lines, newest last. */
  readonly log: readonly EndpointLogEntry[];
}

/** A request for a new endpoint; its device and addresses are there already. */
export type CreateEndpoint = Pick<
  EndpointRow,
  | "containerId"
  | "containerInterfaceName"
  | "netnsPath"
  | "interfaceName"
  | "ifindex"
  | "mac"
  | "nodeMac"
  | "ipv4"
  | "ipv6"
  | "podNamespace"
  | "podName"
  | "podUid"
  | "traits"
  | "network"
  | "options"
  | "labels"
>;

/** What it takes to look for an endpoint's device. */
export type DeviceOfEndpoint = Pick<
  EndpointRow,
  "interfaceName" | "ifindex" | "netnsPath" | "containerInterfaceName" | "traits"
>;

/** Addresses of an endpoint, those it has. */
export function endpointAddresses(row: Pick<EndpointRow, "ipv4" | "ipv6">): string[] {
  return [row.ipv4, row.ipv6].filter((address) => address !== undefined);
}

/** Of these, those that the agent gave and takes back. */
export function lentAddresses(row: Pick<EndpointRow, "ipv4" | "ipv6" | "traits">): string[] {
  return row.traits?.externalIpam === true ? [] : endpointAddresses(row);
}

/** The attachment id that CNI knows it by. */
export function attachmentId(row: Pick<EndpointRow, "containerId" | "containerInterfaceName">): string {
  return `${row.containerId}:${row.containerInterfaceName}`;
}
