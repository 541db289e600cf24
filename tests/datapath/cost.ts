// SPDX-License-Identifier: Apache-2.0
// What a packet costs on each path, and how much the verifier has to walk; `npm run bench -- programs` prints it.
import { join } from "node:path";
import { type BpfObject, type BpfProgram, loadObject } from "../../src/kernel/index.ts";
import { arriving, bothFamilies, type FamilyWords, sent } from "./case.ts";
import { ipFrame, type Payload, TcpFlag, tcp } from "./packet.ts";
import { ingress, revoke } from "./rules.ts";
import { enter } from "./run.ts";
import { masqueraded, node } from "./translations.ts";
import { inTunnel, TunnelNode } from "./tunnel.ts";
import { type Addresses, internet, otherNode, podA, podB, podC, router, u32le, World } from "./world.ts";

/** One path: ns a packet, less what putting the packet back costs. */
export interface PathCost {
  readonly family: "IPv4" | "IPv6";
  readonly path: string;
  readonly ns: readonly number[];
}

export interface ProgramSize {
  readonly program: string;
  readonly verifiedInstructions: number;
}

export const LOCAL_PATH = "established, pod to pod of this node, both ends";
const ROUNDS = 7;
const REPEAT = 300_000;
const { SYN, ACK } = TcpFlag;

/** Bytes that are put back, of bpf/tests/repeat.bpf.c. */
const HEADERS = 76;

/** Runs programs of one world. */
class Meter {
  readonly #repeater: BpfObject;
  readonly #words: FamilyWords;
  readonly found: PathCost[] = [];

  constructor(repeater: BpfObject, words: FamilyWords) {
    this.#repeater = repeater;
    this.#words = words;
  }

  /** ns of one run of the program, a sample a round. */
  add(path: string, program: BpfProgram, data: Uint8Array): void {
    const calls = this.#repeater.map("test_calls");
    this.#sample(path, data, (target) => calls.update(u32le(0), u32le((target ?? program).fd.value)));
  }

  /** As add(), behind a program that goes on in `choose`'s target and is not counted. */
  addBehind(
    front: BpfProgram,
    choose: (target: BpfProgram) => void,
    path: string,
    program: BpfProgram,
    data: Uint8Array,
  ) {
    this.#repeater.map("test_calls").update(u32le(0), u32le(front.fd.value));
    this.#sample(path, data, (target) => choose(target ?? program));
  }

  /** `use` with nothing measures the program. */
  #sample(path: string, data: Uint8Array, use: (target?: BpfProgram) => void): void {
    const ctx = loopbackContext();
    const size = Math.min(data.length, HEADERS);
    const row = new Uint8Array(8 + HEADERS);
    row.set(u32le(data.length), 0);
    row.set(u32le(size), 4);
    row.set(data.subarray(0, size), 8);
    this.#repeater.map("test_packet_headers").update(u32le(0), row);
    const run = (target?: BpfProgram): number => {
      use(target);
      return this.#repeater.program("repeat").testRun({ data, ctx, repeat: REPEAT }).durationNs;
    };
    const ns = Array.from({ length: ROUNDS }, () => {
      const base = run(this.#repeater.program("nothing"));
      return run() - base;
    });
    this.found.push({ family: this.#words.name, path, ns });
  }
}

function loopbackContext(): Uint8Array {
  const ctx = new Uint8Array(192);
  ctx.set(u32le(1), 40);
  return ctx;
}

function entryOf(world: World, id: number): BpfProgram {
  const entry = world.entries.get(id)?.program("cil_from_container_entry");
  if (entry === undefined) throw new Error(`Cannot find the entry program of endpoint "${id}"`);
  return entry;
}

function prepare(world: World): void {
  world.reset();
  world.monitor.setMonitorAggregation("medium");
  ingress(podB, { protocol: 6, port: 80 })(world);
}

const segment = (flags: number) => tcp({ sport: 4000, dport: 80, flags });

function fromPodCosts(meter: Meter, world: World, words: FamilyWords): void {
  const entry = entryOf(world, podA.id);
  const ctx = loopbackContext();
  const packet = (to: Addresses, flags: number) => sent(words, podA, to, segment(flags));
  prepare(world);
  for (const to of [podB, podC, router]) entry.testRun({ data: packet(to, SYN), ctx });
  const answer = sent(words, podB, podA, tcp({ sport: 80, dport: 4000, flags: SYN | ACK }));
  entryOf(world, podB.id).testRun({ data: answer, ctx });
  meter.add(LOCAL_PATH, entry, packet(podB, ACK));
  meter.add("established, pod to tunnel device", entry, packet(podC, ACK));
  meter.add("established, pod to stack", entry, packet(router, ACK));
  revoke(podB)(world);
  meter.add("denied by ingress policy, with both events", entry, packet(podB, ACK));
  world.monitor.setEvents({ drop: false, trace: false, policyVerdict: false });
  meter.add("denied by ingress policy, without events", entry, packet(podB, ACK));
}

/** Entries that are dead at once make every packet the first of its flow. */
function newFlowCosts(meter: Meter, world: World, words: FamilyWords): void {
  const entry = entryOf(world, podA.id);
  prepare(world);
  world.monitor.setEvents({ drop: false, trace: false, policyVerdict: false });
  const data = (to: Addresses) => sent(words, podA, to, segment(SYN));
  meter.add("new, pod to pod of this node, both ends, without events", entry, data(podB));
  meter.add("new, pod to tunnel device, without events", entry, data(podC));
}

/** What comes from another node and from the host's stack. */
function toPodCosts(meter: Meter, world: World, words: FamilyWords): void {
  const inner = (flags: number) => arriving(words, podC, podB, segment(flags));
  const overlay = world.overlay.program("cil_from_overlay");
  const front = enter(world, { at: "from-overlay", vni: podC.identity, outerSource: otherNode.ipv4 }).program;
  prepare(world);
  front.testRun({ data: inner(SYN), ctx: loopbackContext() });
  const calls = world.map("test_calls");
  const choose = (target: BpfProgram) => calls.update(u32le(0), u32le(target.fd.value));
  meter.addBehind(front, choose, "established, tunnel device to pod", overlay, inner(ACK));
  const host = world.host.program("cil_from_host");
  meter.add("host to pod, up to its device", host, arriving(words, router, podB, segment(ACK)));
  meter.add("host to tunnel device", host, arriving(words, router, { ...podB, ...podC }, segment(ACK)));
}

/**
 * What is taken off the underlay; what the repeater does to put the headers on again is counted too. It cannot do so
 * around IPv6, nor is a packet encapsulated twice, so these are not measured.
 */
function tunnelCosts(meter: Meter, world: World, words: FamilyWords): void {
  prepare(world);
  const frames = (flags: number) => inTunnel(arriving(words, podC, podB, segment(flags)));
  const underlay = world.underlay.program("cil_from_underlay");
  underlay.testRun({ data: frames(SYN), ctx: loopbackContext() });
  meter.add("established, underlay to pod, and headers put on again", underlay, frames(ACK));
}

/** Between pods and the outside, where the node masquerades. */
function masqueradeCosts(meter: Meter, world: World, words: FamilyWords): void {
  prepare(world);
  masqueraded(world);
  const to = world.netdev.program("cil_to_netdev");
  const from = world.netdev.program("cil_from_netdev");
  const ethernet = { source: "02:00:00:00:00:01", destination: "00:00:00:00:00:00" };
  const frame = (source: Addresses, destination: Addresses, payload: Payload) =>
    ipFrame(ethernet, { source: words.ip(source), destination: words.ip(destination) }, payload);
  const leaving = (source: Addresses, flags: number) =>
    frame(source, internet, tcp({ sport: 40_000, dport: 80, flags }));
  const answer = (flags: number) => frame(internet, node, tcp({ sport: 80, dport: 40_000, flags }));
  const ctx = loopbackContext();
  entryOf(world, podA.id).testRun({
    data: sent(words, podA, internet, tcp({ sport: 40_000, dport: 80, flags: SYN })),
    ctx,
  });
  to.testRun({ data: leaving(podA, SYN), ctx });
  from.testRun({ data: answer(SYN | ACK), ctx });
  meter.add("established, pod to the outside, at the device", to, leaving(podA, ACK));
  meter.add("established, outside to pod, from the device on", from, answer(ACK));
  meter.add("the node's own, at the device", to, frame(node, internet, tcp({ sport: 40_001, dport: 80 })));
  meter.add("neither, at the device", to, frame(otherNode, internet, tcp({ sport: 40_001, dport: 80 })));
}

/** Measures all; takes some twenty seconds. Needs built objects and root. */
export function measurePrograms(): { paths: PathCost[]; programs: ProgramSize[] } {
  using world = new World();
  using forgetful = new World({ variables: { ct_syn_timeout: 0 } });
  using repeater = loadObject(join(import.meta.dirname, "../../build/bpf/tests/repeat.o"));
  using masquerading = new World({ variables: { enable_ipv4_masquerade: 1, enable_ipv6_masquerade: 1 } });
  using underlay = new TunnelNode();
  const paths: PathCost[] = [];
  bothFamilies((words) => {
    const meter = new Meter(repeater, words);
    fromPodCosts(meter, world, words);
    newFlowCosts(meter, forgetful, words);
    toPodCosts(meter, world, words);
    masqueradeCosts(meter, masquerading, words);
    if (words.family === 4) tunnelCosts(meter, underlay.world, words);
    paths.push(...meter.found);
    return [];
  });
  const objects = [
    world.container,
    world.host,
    world.overlay,
    world.underlay,
    masquerading.netdev,
    ...[...world.entries.values()].slice(0, 1),
  ];
  const programs = objects.flatMap((object) =>
    object.programNames.map((program) => ({
      program,
      verifiedInstructions: object.program(program).verifiedInstructions,
    })),
  );
  return { paths, programs };
}
