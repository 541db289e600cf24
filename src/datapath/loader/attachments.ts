// SPDX-License-Identifier: Apache-2.0
// Which program goes where: hooks of devices, and slots of the tail-call map. Pure.
import { TailCall } from "../../abi/index.ts";
import type { TcxHook } from "../../kernel/index.ts";
import { deviceNames } from "../devices/names.ts";
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

const pods: readonly TailCallProgram[] = [
  { part: "container", program: "cil_from_container", slot: TailCall.CALL_FROM_CONTAINER },
  { part: "container", program: "cil_to_container", slot: TailCall.CALL_TO_CONTAINER },
];

const hostFirewall: readonly TailCallProgram[] = [
  { part: "netdev", program: "cil_host_policy", slot: TailCall.CALL_TO_HOST },
  { part: "netdev", program: "cil_host_policy_egress", slot: TailCall.CALL_FROM_HOST },
  { part: "host", program: "cil_from_host_judged", slot: TailCall.CALL_FROM_HOST_JUDGED },
];

/** Programs of the host firewall on a device that leads out. */
export const netdevPrograms = [
  { part: "netdev", program: "cil_from_netdev", hook: "ingress" },
  { part: "netdev", program: "cil_to_netdev", hook: "egress" },
] as const;

/** Hooks of the node's own devices, and with the host firewall those of the devices that lead out. */
export function attachmentsOf(outward: readonly string[]): readonly Attachment[] {
  return [...own, ...outward.flatMap((device) => netdevPrograms.map((program) => ({ ...program, device })))];
}

export function tailCallsOf(config: { readonly hostFirewall?: boolean }): readonly TailCallProgram[] {
  return config.hostFirewall === true ? [...pods, ...hostFirewall] : pods;
}

/** Everything that a load has to hold. */
export function programsOf(config: { readonly hostFirewall?: boolean }): readonly Omit<TailCallProgram, "slot">[] {
  return [...tailCallsOf(config), ...own, ...(config.hostFirewall === true ? netdevPrograms : [])];
}
