// SPDX-License-Identifier: Apache-2.0
// Sends the packets of a case through BPF_PROG_TEST_RUN and compares.
import assert from "node:assert/strict";
import { DropReason } from "../../src/abi/index.ts";
import { ip16, ipFrom16 } from "../../src/core/index.ts";
import { isDrop } from "../../src/datapath/index.ts";
import type { BpfProgram } from "../../src/kernel/index.ts";
import { type Case, type EventMatch, type Hook, type Step, Verdict } from "./case.ts";
import type { EventRow } from "./event.ts";
import { familyOf, LOOPBACK, u32le, type World } from "./world.ts";

/** Offsets in struct __sk_buff. */
export const SKB = { size: 192, mark: 8, ingressIfindex: 36, ifindex: 40 } as const;
/** struct test_tunnel of bpf/tests/prelude.bpf.c. */
const TEST_TUNNEL_SIZE = 32;

/** Runs one case in a fresh world. Throws AssertionError naming the step that differs. */
export function runCase(world: World, { steps }: Case): void {
  world.reset();
  for (const [index, step] of steps.entries()) {
    step.change?.(world);
    try {
      runStep(world, step);
    } catch (error) {
      if (error instanceof Error) error.message = `step ${index + 1} of ${steps.length}: ${error.message}`;
      throw error;
    }
  }
}

function runStep(world: World, step: Step): void {
  const counted = drops(world);
  const { program, ctx } = enter(world, step.into);
  const result = program.testRun({ data: step.send, ctx, outputSize: step.send.length + 256 });
  const events = world.takeEvents();
  assert.equal(
    verdictName(result.retval),
    verdictName(step.drop === undefined ? step.verdict : Verdict.DROP),
    explain(events),
  );
  const dropped = events.filter((event) => event.kind === "drop");
  assert.deepEqual(
    dropped.map((event) => reasonName(event.reason)),
    step.drop === undefined ? [] : [reasonName(step.drop)],
  );
  for (const event of dropped) assertPlaced(event.line, event.file);
  assert.deepEqual(newDrops(counted, drops(world)), step.drop === undefined ? [] : [step.drop]);
  for (const wanted of step.events ?? []) assertEvent(events, wanted);
  for (const unwanted of step.missing ?? []) {
    assert.ok(!events.some((event) => matches(event, unwanted)), `event like ${show(unwanted)}`);
  }
  for (const kind of step.silent ?? [])
    assert.deepEqual(
      events.filter((event) => event.kind === kind),
      [],
    );
  if (step.packet !== undefined) assert.equal(hex(result.data), hex(step.packet), "packet afterwards");
  if (step.mark !== undefined) {
    const out = result.ctx ?? new Uint8Array(SKB.size);
    assert.equal(new DataView(out.buffer, out.byteOffset).getUint32(SKB.mark, true), step.mark, "mark afterwards");
  }
  step.check?.(world);
  if (step.tunnel !== undefined) assert.deepEqual(readTunnelKey(world, step), step.tunnel);
}

/** Sends the packet again and looks at the tunnel key that it got; what the second run counts and says is forgotten. */
function readTunnelKey(world: World, step: Step): { vni: number; to: string } {
  const { program, ctx } = enter(world, step.into);
  world.map("test_tunnel_key").update(u32le(0), new Uint8Array(TEST_TUNNEL_SIZE));
  world.map("test_calls").update(u32le(0), u32le(program.fd.value));
  world.prelude.program("then_read_tunnel_key").testRun({ data: step.send, ctx, repeat: 2 });
  world.takeEvents();
  const row = world.map("test_tunnel_key").lookup(u32le(0)) ?? new Uint8Array(TEST_TUNNEL_SIZE);
  const view = new DataView(row.buffer, row.byteOffset);
  const to = ipFrom16(row.subarray(8, 24), view.getUint32(4, true) === 1 ? 4 : 6);
  return { vni: view.getUint32(0, true), to };
}

/** The program at a hook, and the context to run it with. */
export function enter(world: World, hook: Hook): { program: BpfProgram; ctx: Uint8Array } {
  const ctx = new Uint8Array(SKB.size);
  const view = new DataView(ctx.buffer);
  view.setUint32(SKB.ifindex, LOOPBACK, true);
  switch (hook.at) {
    case "from-pod":
    case "to-pod": {
      view.setUint32(SKB.mark, hook.mark ?? 0, true);
      if (hook.at === "to-pod") view.setUint32(SKB.ingressIfindex, hook.ingressIfindex ?? 0, true);
      const object = world.entries.get(hook.pod.id);
      if (object === undefined) throw new Error(`Cannot find entry of endpoint ${hook.pod.id}`);
      const name = hook.at === "to-pod" ? "cil_to_container_entry" : "cil_from_container_entry";
      if (hook.at === "from-pod" && hook.vlan)
        return { program: before(world, "with_vlan_tag", object.program(name)), ctx };
      return { program: object.program(name), ctx };
    }
    case "from-host":
      view.setUint32(SKB.ingressIfindex, hook.ingressIfindex ?? 0, true);
      return { program: world.host.program("cil_from_host"), ctx };
    case "pod-out":
      return { program: world.pod.program("cil_from_pod"), ctx };
    case "to-lo":
      return { program: world.netdev.program("cil_to_lo"), ctx };
    case "from-netdev":
      view.setUint32(SKB.mark, hook.mark ?? 0, true);
      return { program: world.netdev.program("cil_from_netdev"), ctx };
    case "to-netdev":
      view.setUint32(SKB.mark, hook.mark ?? 0, true);
      view.setUint32(SKB.ingressIfindex, hook.ingressIfindex ?? 0, true);
      return { program: world.netdev.program("cil_to_netdev"), ctx };
    case "from-overlay-without-key":
      return { program: world.overlay.program("cil_from_overlay"), ctx };
    case "to-overlay-without-key":
      return { program: world.overlay.program("cil_to_overlay"), ctx };
    case "from-overlay":
      return { program: withTunnelKey(world, "cil_from_overlay", hook), ctx };
    case "to-overlay":
      return { program: withTunnelKey(world, "cil_to_overlay", { ...hook, outerSource: "0.0.0.0" }), ctx };
  }
}

/** The program that sets the tunnel key of struct test_tunnel and goes on in `target`. */
function withTunnelKey(
  world: World,
  target: string,
  key: { vni: number; outerSource: string; mark?: number },
): BpfProgram {
  const row = new Uint8Array(TEST_TUNNEL_SIZE);
  row.set(u32le(key.vni), 0);
  row.set(u32le(familyOf(key.outerSource)), 4);
  row.set(ip16(key.outerSource), 8);
  row.set(u32le(key.mark ?? 0), 24);
  world.map("test_tunnel_key").update(u32le(0), row);
  return before(world, "with_tunnel_key", world.overlay.program(target));
}

/** A program of bpf/tests/prelude.bpf.c that goes on in `target`. */
function before(world: World, prelude: string, target: BpfProgram): BpfProgram {
  world.map("test_calls").update(u32le(0), u32le(target.fd.value));
  return world.prelude.program(prelude);
}

function drops(world: World): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { reason, packets } of world.metrics()) {
    if (isDrop(reason)) counts.set(reason, (counts.get(reason) ?? 0) + packets);
  }
  return counts;
}

/** Reasons that were counted since, once for each packet. */
function newDrops(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number[] {
  return [...after].flatMap(([reason, count]) => Array<number>(count - (before.get(reason) ?? 0)).fill(reason));
}

function assertPlaced(line: number, file: number): void {
  assert.ok(line > 0 && file > 0, `drop event has no place: file ${file}, line ${line}`);
}

function assertEvent(events: readonly EventRow[], wanted: EventMatch): void {
  const found = events.some((event) => matches(event, wanted));
  assert.ok(found, `no event like ${show(wanted)} among\n${events.map(show).join("\n")}`);
}

function matches(event: EventRow, wanted: EventMatch): boolean {
  const fields = new Map<string, unknown>(Object.entries(event));
  return Object.entries(wanted).every(([name, value]) => fields.get(name) === value);
}

function explain(events: readonly EventRow[]): string {
  return `verdict; events:\n${events.map(show).join("\n")}`;
}

function show(event: object): string {
  const short = Object.entries(event).filter(([name]) => name !== "packet" && name !== "originalAddress");
  return JSON.stringify(Object.fromEntries(short), (_, value) => (typeof value === "bigint" ? Number(value) : value));
}

function verdictName(verdict: number | undefined): string {
  const found = Object.entries(Verdict).find(([, number]) => number === verdict);
  return found === undefined ? String(verdict) : found[0];
}

function reasonName(reason: number): string {
  const found = Object.entries(DropReason).find(([, number]) => number === reason);
  return found === undefined ? String(reason) : found[0];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
