// SPDX-License-Identifier: Apache-2.0
// Which program goes where: hooks of devices, and slots of the tail-call map. Pure.
import { TailCall } from "../../abi/index.ts";
import type { TcxHook } from "../../kernel/index.ts";
import { deviceNames } from "../devices/names.ts";
import { usesOutwardDevices } from "../devices/outward.ts";
import type { DatapathConfig } from "../types.ts";
import type { NodePart } from "./object-set.ts";

export interface Attachment {
  readonly part: NodePart;
  readonly program: string;
  readonly device: string;
  readonly hook: TcxHook;
}

export interface TailCallProgram {
  readonly part: NodePart;
  readonly program: string;
  readonly slot: number;
}

const own: readonly Attachment[] = [
  { part: "host", program: "cil_from_host", device: deviceNames.host, hook: "egress" },
  { part: "overlay", program: "cil_from_overlay", device: deviceNames.vxlan, hook: "ingress" },
  { part: "overlay", program: "cil_to_overlay", device: deviceNames.vxlan, hook: "egress" },
];

/** Takes tunnel packets for pods where they come in. */
const underlay = { part: "underlay", program: "cil_from_underlay", hook: "ingress" } as const;

const pods: readonly TailCallProgram[] = [
  { part: "container", program: "cil_from_container", slot: TailCall.CALL_FROM_CONTAINER },
  { part: "container", program: "cil_to_container", slot: TailCall.CALL_TO_CONTAINER },
];

const hostFirewall: readonly TailCallProgram[] = [
  { part: "netdev", program: "cil_host_policy", slot: TailCall.CALL_TO_HOST },
  { part: "netdev", program: "cil_host_policy_egress", slot: TailCall.CALL_FROM_HOST },
  { part: "host", program: "cil_from_host_judged", slot: TailCall.CALL_FROM_HOST_JUDGED },
];

/** Of the host firewall and masquerading, on a device that leads out. */
const netdev = [
  { part: "netdev", program: "cil_from_netdev", hook: "ingress" },
  { part: "netdev", program: "cil_to_netdev", hook: "egress" },
] as const;

/** Hook of each program that is put on a device of the node, by its name. */
export const hookPrograms: ReadonlyMap<string, TcxHook> = new Map(
  [...own, underlay, ...netdev].map(({ program, hook }) => [program, hook]),
);

/** Devices of others on which programs are: those that lead out, if needed, and the tunnel's underlay. */
export interface ForeignDevices {
  readonly outward: readonly string[];
  readonly underlay: string | undefined;
}

/** Programs on devices of others, and where each belongs. */
export function foreignAttachments({ outward, underlay: tunnel }: ForeignDevices): readonly {
  readonly program: Omit<Attachment, "device">;
  readonly devices: readonly string[];
}[] {
  // What the underlay's program leaves goes on to the host firewall, but not the other way round.
  return [
    { program: underlay, devices: tunnel === undefined ? [] : [tunnel] },
    ...netdev.map((program) => ({ program, devices: outward })),
  ];
}

/** Hooks of the node's own devices and of those of others. */
export function attachmentsOf(foreign: ForeignDevices): readonly Attachment[] {
  const elsewhere = foreignAttachments(foreign).flatMap(({ program, devices }) =>
    devices.map((device) => ({ ...program, device })),
  );
  return [...own, ...elsewhere];
}

export function tailCallsOf(config: { readonly hostFirewall?: boolean }): readonly TailCallProgram[] {
  return config.hostFirewall === true ? [...pods, ...hostFirewall] : pods;
}

/** Everything that a load has to hold. */
export function programsOf(
  config: Pick<DatapathConfig, "hostFirewall" | "masquerade">,
): readonly Omit<TailCallProgram, "slot">[] {
  return [...tailCallsOf(config), ...own, underlay, ...(usesOutwardDevices(config) ? netdev : [])];
}
