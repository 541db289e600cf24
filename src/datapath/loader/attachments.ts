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

type HookProgram = Omit<Attachment, "device">;

const host = { part: "host", program: "cil_from_host", hook: "egress" } as const;

const tunnel: readonly HookProgram[] = [
  { part: "overlay", program: "cil_from_overlay", hook: "ingress" },
  { part: "overlay", program: "cil_to_overlay", hook: "egress" },
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
  { part: "netdev", program: "cil_host_policy_to_pod", slot: TailCall.CALL_HOST_TO_CONTAINER },
];

/** Of the host firewall and masquerading, on a device that leads out. */
const netdev: readonly HookProgram[] = [
  { part: "netdev", program: "cil_from_netdev", hook: "ingress" },
  { part: "netdev", program: "cil_to_netdev", hook: "egress" },
];

/** With ipvlan pods, on lo. */
const loopback = { part: "netdev", program: "cil_to_lo", hook: "egress" } as const;

/** Hook of each program that is put on a device of the node, by its name. */
export const hookPrograms: ReadonlyMap<string, TcxHook> = new Map(
  [host, ...tunnel, underlay, ...netdev, loopback].map(({ program, hook }) => [program, hook]),
);

/** Devices with programs, by name, beside cilium_host. */
export interface HookDevices {
  /** Those that lead out, if programs are needed there. */
  readonly outward: readonly string[];
  /** The tunnel's own, and the one that holds its address. */
  readonly tunnel: string | undefined;
  readonly underlay: string | undefined;
  /** lo, if a program is needed there. */
  readonly loopback?: string | undefined;
}

/** Hooks of the node's own devices and of those of others. */
export function attachmentsOf(devices: HookDevices): readonly Attachment[] {
  const on = (device: string | undefined, programs: readonly HookProgram[]) =>
    device === undefined ? [] : programs.map((program) => ({ ...program, device }));
  return [
    ...on(deviceNames.host, [host]),
    ...on(devices.tunnel, tunnel),
    // What the underlay's program leaves goes on to the host firewall, but not the other way round.
    ...on(devices.underlay, [underlay]),
    ...devices.outward.flatMap((device) => on(device, netdev)),
    ...on(devices.loopback, [loopback]),
  ];
}

export function tailCallsOf(config: { readonly hostFirewall?: boolean }): readonly TailCallProgram[] {
  return config.hostFirewall === true ? [...pods, ...hostFirewall] : pods;
}

/** Everything that a load has to hold; the tunnel's programs also where there is none: maps are theirs. */
export function programsOf(
  config: Pick<DatapathConfig, "hostFirewall" | "masquerade" | "ipvlanMaster">,
): readonly Omit<TailCallProgram, "slot">[] {
  const outward = usesOutwardDevices(config) ? netdev : [];
  return [
    ...[...tailCallsOf(config), host, ...tunnel, underlay, ...outward],
    ...(config.ipvlanMaster === undefined ? [] : [loopback]),
  ];
}
