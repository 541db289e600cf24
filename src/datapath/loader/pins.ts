// SPDX-License-Identifier: Apache-2.0
// Where links are pinned, as on a Cilium node, and whether one is in place.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BpfLink, queryTcx, type TcxHook } from "../../kernel/index.ts";

/** Folder of everything but maps. */
export function pinRoot(bpfRoot: string): string {
  return join(bpfRoot, "cilium");
}

/** Folder of the pins of the node's devices. */
function devicesPinRoot(bpfRoot: string): string {
  return join(pinRoot(bpfRoot), "devices");
}

/** Link of a program on a device of the node. */
export function deviceLinkPin(bpfRoot: string, device: string, program: string): string {
  return join(devicesPinRoot(bpfRoot), device, "links", program);
}

/** Folder of all endpoints' pins. */
export function endpointsPinRoot(bpfRoot: string): string {
  return join(pinRoot(bpfRoot), "endpoints");
}

/** Link of one of an endpoint's programs. */
export function endpointLinkPin(bpfRoot: string, id: number, program: string): string {
  return join(endpointsPinRoot(bpfRoot), String(id), "links", program);
}

/** Whether the link at the pin runs on that hook of that device, with that program if one is given. Three system calls. */
export function isAttached(pin: string, ifindex: number, hook: TcxHook, program?: number): boolean {
  if (!existsSync(pin)) return false;
  using link = BpfLink.openPinned(pin);
  const info = link.info();
  if (program !== undefined && info.programId !== program) return false;
  return info.ifindex === ifindex && queryTcx(ifindex, hook).includes(info.programId);
}

/** Device and program of the link at the pin; undefined without one, and when the device is gone. */
export function linkTarget(pin: string): { readonly ifindex: number; readonly programId: number } | undefined {
  if (!existsSync(pin)) return undefined;
  using link = BpfLink.openPinned(pin);
  const { ifindex, programId } = link.info();
  return ifindex === undefined || ifindex === 0 ? undefined : { ifindex, programId };
}

/** Devices with a pinned link of the program. */
export function devicesWith(bpfRoot: string, program: string): string[] {
  const root = devicesPinRoot(bpfRoot);
  if (!existsSync(root)) return [];
  return readdirSync(root).filter((device) => existsSync(deviceLinkPin(bpfRoot, device, program)));
}

/** Takes a program off a device. Without its pin alone the link would end some milliseconds later. */
export function detachFromDevice(bpfRoot: string, device: string, program: string): void {
  const pin = deviceLinkPin(bpfRoot, device, program);
  using link = BpfLink.openPinned(pin);
  try {
    if (link.info().ifindex !== 0) link.detach();
  } finally {
    rmSync(pin, { force: true });
  }
}
