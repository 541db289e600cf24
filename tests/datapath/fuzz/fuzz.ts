// SPDX-License-Identifier: Apache-2.0
// Sends random sequences through the real programs and the model, and compares what becomes of every packet.
import assert from "node:assert/strict";
import { CtFlags, EndpointConfigFlags, RuntimeConfigIndex } from "../../../src/abi/index.ts";
import type { Hook } from "../case.ts";
import { EtherType } from "../packet.ts";
import { enter, SKB } from "../run.ts";
import { otherNode, type Pod, type PolicyRow, podA, podB, podC, type World } from "../world.ts";
import { bytesOf, type FuzzStep, Grammar } from "./grammar.ts";
import { ETH, u16at } from "./headers.ts";
import { Model, type Outcome } from "./model.ts";
import type { Flow } from "./model-flows.ts";
import { Random } from "./random.ts";

const PACKETS_A_SEQUENCE = 100;
const RETVAL: Readonly<Record<Outcome["to"], number>> = {
  dropped: 2,
  sender: 7,
  pod: 7,
  tunnel: 7,
  stack: 0,
  "pod-device": 0,
};

/** How often each thing became of a packet; and what is none: changes of the world, frames too short to be sent. */
export type Tally = Map<string, number>;

export interface FuzzOptions {
  readonly seed: number;
  /** Between them policy, identities and time change now and then. */
  readonly packets: number;
  /** Called behind each sequence with the packets sent so far. */
  readonly onProgress?: (packets: number) => void;
}

/** Sends that many packets. Throws with the seed and the shortest failing sequence when programs and model differ. */
export function fuzz(world: World, { seed, packets, onProgress }: FuzzOptions): Tally {
  const tally: Tally = new Map();
  for (let sent = 0; sent < packets; sent += PACKETS_A_SEQUENCE) {
    const sequenceSeed = (seed + sent / PACKETS_A_SEQUENCE) >>> 0;
    const steps = sequence(sequenceSeed);
    const difference = runSequence(world, steps, tally);
    if (difference !== undefined) throw new Error(report(world, sequenceSeed, steps));
    onProgress?.(sent + PACKETS_A_SEQUENCE);
  }
  return tally;
}

/** The steps that a seed stands for. */
export function sequence(seed: number): FuzzStep[] {
  return new Grammar(new Random(seed)).steps(PACKETS_A_SEQUENCE);
}

/** Runs the steps in a fresh world; what differs first, undefined when nothing does. */
export function runSequence(world: World, steps: readonly FuzzStep[], tally: Tally = new Map()): string | undefined {
  world.reset();
  const run = new Run(world, tally);
  try {
    for (const step of steps) run.step(step);
    run.compareFlows();
    return undefined;
  } catch (error) {
    if (!(error instanceof assert.AssertionError)) throw error;
    return error.message;
  }
}

class Run {
  readonly #world: World;
  readonly #model = new Model();
  readonly #tally: Tally;
  readonly #rows = new Map<Pod, readonly PolicyRow[]>();

  constructor(world: World, tally: Tally) {
    this.#world = world;
    this.#tally = tally;
  }

  step(step: FuzzStep): void {
    if (step.kind !== "packet") this.#count("(no packet: a change)");
    switch (step.kind) {
      case "packet":
        this.#packet(bytesOf(step), step.hook, "");
        break;
      case "policy":
        this.#rows.set(step.pod, step.rows);
        this.#model.podState(step.pod).flags = step.flags;
        this.#writePolicies();
        this.#endpointMoved(step.pod);
        break;
      case "ipcache":
        for (const address of [podC.ipv4, podC.ipv6]) {
          this.#world.ipcache(address, { identity: step.identity, tunnel: otherNode.ipv4 });
        }
        this.#model.remoteIdentity = step.identity;
        this.#ipcacheMoved();
        break;
      case "identity":
        this.#model.podState(step.pod).identity = step.identity;
        this.#endpointMoved(step.pod);
        this.#ipcacheMoved();
        break;
      case "expire":
        this.#world.changeFlows({ expires: 1 });
        this.#model.flows.clear();
        break;
    }
  }

  #writePolicies(): void {
    this.#world.clearPolicies();
    this.#model.policy.clear();
    for (const row of [...this.#rows.values()].flat()) {
      this.#world.policy(row);
      this.#model.policy.add(row);
    }
  }

  #endpointMoved(pod: Pod): void {
    const state = this.#model.podState(pod);
    state.revision++;
    const { identity, flags, revision } = state;
    this.#world.endpoint(pod, { identity, flags, policyRevision: revision });
  }

  #ipcacheMoved(): void {
    this.#world.runtime(RuntimeConfigIndex.RUNTIME_IPCACHE_REVISION, ++this.#model.ipcacheRevision);
  }

  #count(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1);
  }

  /** `before`: which way a packet has come that had its first half already. */
  #packet(frame: Uint8Array, hook: Hook, before: string): void {
    if (isTooShort(frame)) {
      this.#count("(no packet: too short for a test run)");
      return;
    }
    this.#model.flows.tracked.length = 0;
    const expected = this.#model.send(frame, hook);
    const { program, ctx } = enter(this.#world, hook);
    const result = program.testRun({ data: frame, ctx, outputSize: frame.length + 256 });
    const what = `${hook.at}: model says ${expected.to}`;
    this.#count(`${before}${hook.at} ${expected.to}`);
    const events = this.#world.takeEvents();
    const drops = events.filter((event) => event.kind === "drop");
    const reasons = drops.map(({ reason }) => reason).join();
    assert.equal(result.retval, RETVAL[expected.to], `${what}, programs gave ${result.retval} (drops: ${reasons})`);
    assert.equal(drops.length, expected.to === "dropped" ? 1 : 0, `${what}: ${drops.length} drop events`);
    for (const event of events) {
      if (event.kind === "verdict") continue;
      const { sourceIdentity } = event;
      assert.ok(
        this.#model.identities.has(sourceIdentity),
        `${what}: a ${event.kind} event of identity ${sourceIdentity}`,
      );
    }
    if (expected.to === "dropped") return;
    assert.equal(hex(result.data), hex(expected.packet), `${what}: the packet`);
    if (expected.mark !== undefined) {
      const out = result.ctx ?? new Uint8Array(SKB.size);
      assert.equal(
        new DataView(out.buffer, out.byteOffset).getUint32(SKB.mark, true),
        expected.mark,
        `${what}: the mark`,
      );
    }
    for (const key of this.#model.flows.tracked) this.#assertEntry(key, what);
    // What the host's program sends to a pod goes through the egress of the pod's device.
    if (hook.at === "from-host" && expected.pod && expected.mark !== undefined) {
      this.#packet(frame, { at: "to-pod", pod: expected.pod, mark: expected.mark }, "from-host, then ");
    }
  }

  #assertEntry(key: string, what: string): void {
    const { map, bytes } = mapKey(key);
    const entry = this.#world.map(map).lookup(bytes);
    assert.ok(entry, `${what}: forwarded without a conntrack entry (${key})`);
  }

  /** Live entries of the programs and flows of the model are the same. */
  compareFlows(): void {
    const wanted = new Map(
      [...this.#model.flows.entries()].map(([key, flow]) => {
        const { map, bytes } = mapKey(key);
        return [`${map} ${hex(bytes)}`, describe(flow)] as const;
      }),
    );
    const known = CtFlags.CT_F_AUDITED;
    const found = new Map(
      this.#world
        .flows()
        .filter(({ expires }) => expires > 1)
        .map(({ map, key, flags, peerIdentity }) => [`${map} ${key}`, `${flags & ~known} ${peerIdentity}`] as const),
    );
    assert.deepEqual(new Map([...found].sort()), new Map([...wanted].sort()), "flows at the end");
  }
}

/** The kernel refuses to test-run a frame that ends in the IP header which its type announces. */
function isTooShort(frame: Uint8Array): boolean {
  const type = u16at(frame, 12);
  return frame.length < (type === EtherType.IPV4 ? ETH + 20 : type === EtherType.IPV6 ? ETH + 40 : ETH + 1);
}

function describe({ openedBy, denied, flags, peer }: Flow): string {
  const all = flags | (openedBy === "ingress" ? CtFlags.CT_F_INGRESS : 0) | (denied ? CtFlags.CT_F_DENIED : 0);
  return `${all} ${peer}`;
}

/** The conntrack map and key of the model's key. */
function mapKey(key: string): { map: string; bytes: Uint8Array } {
  const [local = "", remote = "", localPort, remotePort, protocol] = key.split(" ");
  const tail = Buffer.alloc(8);
  tail.writeUInt16BE(Number(localPort), 0);
  tail.writeUInt16BE(Number(remotePort), 2);
  tail[4] = Number(protocol);
  const family = local.length === 8 ? 4 : 6;
  const map = Number(protocol) === 6 ? `cilium_ct${family}_global` : `cilium_ct_any${family}_global`;
  return { map, bytes: new Uint8Array(Buffer.concat([Buffer.from(local + remote, "hex"), tail])) };
}

/** Leaves out steps and mutations as long as something still differs. */
export function minimize(world: World, steps: readonly FuzzStep[]): FuzzStep[] {
  let shortest = [...steps];
  for (let pass = 0, shorter = true; shorter && pass < 5; pass++) {
    shorter = false;
    for (let index = shortest.length - 1; index >= 0; index--) {
      const step = shortest[index];
      const without = shortest.filter((_, at) => at !== index);
      const plainer = step?.kind === "packet" && step.mutations.length > 0 ? step.mutations : [];
      const candidates = [
        without,
        ...plainer.map((gone) => shortest.map((each) => (each === step ? unmutated(each, gone) : each))),
      ];
      const found = candidates.find((candidate) => runSequence(world, candidate) !== undefined);
      if (found === undefined) continue;
      shortest = found;
      shorter = true;
    }
  }
  return shortest;
}

function unmutated(step: FuzzStep, gone: object): FuzzStep {
  if (step.kind !== "packet") return step;
  return { ...step, mutations: step.mutations.filter((mutation) => mutation !== gone) };
}

function report(world: World, seed: number, steps: readonly FuzzStep[]): string {
  const shortest = minimize(world, steps);
  const lines = shortest.map((step) => {
    if (step.kind === "packet") return `packet ${JSON.stringify(hookText(step.hook))} ${hex(bytesOf(step))}`;
    return step.kind === "policy"
      ? `policy of pod ${step.pod.id}, flags ${flagText(step.flags)}: ${JSON.stringify(step.rows)}`
      : JSON.stringify(step.kind === "identity" ? { ...step, pod: step.pod.id } : step);
  });
  const what = runSequence(world, shortest) ?? runSequence(world, steps);
  return `Programs and model differ: ${what}\nseed ${seed}, shortened to ${lines.length} steps:\n${lines.join("\n")}`;
}

function hookText(hook: Hook): object {
  return "pod" in hook ? { ...hook, pod: hook.pod === podA ? "A" : hook.pod === podB ? "B" : hook.pod.id } : hook;
}

function flagText(flags: number): string {
  return Object.entries(EndpointConfigFlags)
    .flatMap(([name, bit]) => (flags & bit ? [name] : []))
    .join("|");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
