// SPDX-License-Identifier: Apache-2.0
// Random packets at a device that masquerades. Whole ones are compared with what they have to become, byte for byte, by a
// model of which flow has which port; broken ones must come out as wrong, or as right, as they went in.
import assert from "node:assert/strict";
import { randomWords } from "../../src/core/testing.ts";
import { arriving, bothFamilies, type FamilyWords, received, sent } from "./case.ts";
import { frame, leaving } from "./masquerade-steps.ts";
import { checksum, concat, echo, icmpError, ipv4, ipv6, type Payload, tcp, u32, udp } from "./packet.ts";
import { enter } from "./run.ts";
import { masqueraded, node } from "./translations.ts";
import { type Addresses, internet, type Pod, podA, podB, type World } from "./world.ts";

type Protocol = "tcp" | "udp" | "echo";

interface Flow {
  readonly sender: Pod | typeof node;
  readonly server: Addresses;
  readonly protocol: Protocol;
  readonly port: number;
}

const servers: readonly Addresses[] = [internet, { ipv4: "192.0.2.81", ipv6: "2001:db8::81" }];
/** Few, so that flows of different senders collide. */
const ports = [40_000, 40_001, 1234, 65_535, 32_768];
const protocols: readonly Protocol[] = ["tcp", "udp", "echo"];

/** What has to hold, and how often each kind of packet came. */
export class MasqueradeFuzz {
  readonly tally = new Map<string, number>();
  readonly #world: World;
  readonly #next: () => number;
  /** Outside port by flow, and flow by outside port. */
  readonly #out = new Map<string, number>();
  readonly #in = new Map<string, { flow: Flow; words: FamilyWords }>();

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#next = randomWords(seed);
    world.reset();
    masqueraded(world);
  }

  run(packets: number): void {
    bothFamilies((words) => {
      for (let count = 0; count < packets / 2; count++) this.#one(words);
      return [];
    });
  }

  #one(words: FamilyWords): void {
    const flow = this.#flow();
    const kind = this.#pick(["leaves", "answers", "error", "broken"] as const);
    const known = [...this.#in.values()].filter((each) => each.words === words);
    const answered = known.length === 0 ? undefined : this.#pick(known).flow;
    if (answered === undefined || kind === "leaves") this.#leaves(words, flow);
    else if (kind === "broken") this.#broken(words, flow);
    else if (kind === "answers") this.#answers(words, answered);
    else this.#error(words, answered);
  }

  #flow(): Flow {
    const sender = this.#pick([podA, podB, node]);
    return { sender, server: this.#pick(servers), protocol: this.#pick(protocols), port: this.#pick(ports) };
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#next() % from.length] as T;
  }

  #data(): Uint8Array {
    return Uint8Array.from({ length: this.#next() % 60 }, () => this.#next());
  }

  #send(into: Parameters<typeof enter>[1], packet: Uint8Array) {
    const { program, ctx } = enter(this.#world, into);
    const { data, retval } = program.testRun({ data: packet, ctx, outputSize: packet.length + 256 });
    return { data, verdict: retval };
  }

  #count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  /** The port that the flow has already, or one that nobody has. */
  #leaves(words: FamilyWords, flow: Flow): void {
    const { sender, server, protocol, port } = flow;
    const data = this.#data();
    const packet = frame(words, sender, server, toServer(words, protocol, port, data));
    // With and without an entry in conntrack.
    if ("id" in sender && this.#next() % 2 === 0) {
      const own = sent(words, sender, server, toServer(words, protocol, port, data));
      assert.equal(this.#send({ at: "from-pod", pod: sender }, own).verdict, 0);
    }
    const { data: out, verdict } = this.#send(leaving("id" in sender ? sender : undefined), packet);
    assert.equal(verdict, 0xffffffff);
    const outside = portOf(words, protocol, out);
    assert.deepEqual(out, frame(words, node, server, toServer(words, protocol, outside, data)), describe(words, flow));
    const key = describe(words, flow);
    const before = this.#out.get(key);
    assert.equal(outside, before ?? outside, `${key} has another port than before`);
    // The node's own flows from lower ports are none of our business.
    if (sender === node && port < 32_768) {
      this.#count("own, low port");
      return;
    }
    assert.ok(outside >= 32_768, key);
    const taken = answerKey(words, flow, outside);
    const owner = this.#in.get(taken);
    assert.equal(owner === undefined ? key : describe(words, owner.flow), key, `two flows have port ${outside}`);
    this.#out.set(key, outside);
    this.#in.set(taken, { flow, words });
    this.#count(outside === port ? "leaves, port kept" : "leaves, other port");
  }

  #answers(words: FamilyWords, flow: Flow): void {
    const { sender, server, protocol, port } = flow;
    const outside = this.#out.get(describe(words, flow)) ?? 0;
    const data = this.#data();
    const { data: out, verdict } = this.#send(
      { at: "from-netdev" },
      frame(words, server, node, fromServer(words, protocol, outside, data)),
    );
    const inside = fromServer(words, protocol, port, data);
    if ("id" in sender) {
      assert.equal(verdict, 7, describe(words, flow));
      assert.deepEqual(out, received(words, server, sender, inside));
    } else {
      assert.equal(verdict, 0xffffffff);
      assert.deepEqual(out, frame(words, server, node, inside));
    }
    this.#count(`answers ${"id" in sender ? "pod" : "node"}`);
  }

  /** An error of some router, which quotes 8 bytes of the packet or more. */
  #error(words: FamilyWords, flow: Flow): void {
    const { sender, server, protocol, port } = flow;
    const outside = this.#out.get(describe(words, flow)) ?? 0;
    const data = this.#data();
    // Half of a checksum cannot be kept right.
    const cut = 8 + 2 * (this.#next() % 40);
    const of = (from: Addresses, at: number) => {
      const ip = { source: words.ip(from), destination: words.ip(server) };
      const bytes = (words.family === 4 ? ipv4 : ipv6)(ip, toServer(words, protocol, at, data));
      return icmpError(words.family, words.unreachable, 1, bytes.subarray(0, (words.family === 4 ? 20 : 40) + cut));
    };
    const router = { ipv4: "198.18.0.1", ipv6: "2001:db8:ffff::1" };
    const { data: out, verdict } = this.#send({ at: "from-netdev" }, frame(words, router, node, of(node, outside)));
    if ("id" in sender) {
      // A pod that has not sent it through its own program knows of no such flow: only what was written counts.
      assert.ok(verdict === 7 || verdict === 2, describe(words, flow));
      if (verdict === 7) assert.deepEqual(out, received(words, router, sender, of(sender, port)));
      else assert.deepEqual(out.subarray(14), arriving(words, router, sender, of(sender, port)).subarray(14));
    } else {
      assert.deepEqual(out, frame(words, router, node, of(node, port)));
    }
    this.#count(`error to ${"id" in sender ? "pod" : "node"}`);
  }

  /** Bytes behind the Ethernet header changed at random: sums that were wrong stay so, by the same amount. */
  #broken(words: FamilyWords, flow: Flow): void {
    const { sender, server, protocol, port } = flow;
    const inwards = this.#next() % 2 === 0;
    const payload = inwards
      ? fromServer(words, protocol, port, this.#data())
      : toServer(words, protocol, port, this.#data());
    const packet = inwards ? frame(words, server, node, payload) : frame(words, sender, server, payload);
    for (let changes = 1 + (this.#next() % 3); changes > 0; changes--) {
      // Neither version nor lengths: the kernel refuses to run such, and sums would be over something else.
      const at = 14 + (this.#next() % (packet.length - 14));
      if (!fixed(words).has(at - 14)) packet[at] = this.#next();
    }
    const { data: out, verdict } = this.#send(inwards ? { at: "from-netdev" } : leaving(), packet);
    assert.equal(out.length, packet.length);
    // A pod may have dropped it, or sent it on as it is: only what the device did counts.
    if (verdict === 2) {
      this.#count("broken, dropped");
      return;
    }
    assert.deepEqual(residuals(words, out), residuals(words, packet), Buffer.from(packet).toString("hex"));
    this.#count(Buffer.compare(out, packet) === 0 ? "broken, untouched" : "broken, translated");
  }
}

function describe({ name }: FamilyWords, { sender, server, protocol, port }: Flow): string {
  return `${name} ${protocol} ${sender.ipv4}:${port} -> ${server.ipv4}`;
}

function answerKey({ name }: FamilyWords, { server, protocol }: Flow, outside: number): string {
  return `${name} ${protocol} ${server.ipv4} -> ${outside}`;
}

function toServer(words: FamilyWords, protocol: Protocol, port: number, data: Uint8Array): Payload {
  if (protocol === "echo") return echo(words.family, "request", port, concat(u32(1), data));
  return protocol === "tcp" ? tcp({ sport: port, dport: 80, data }) : udp({ sport: port, dport: 53, data });
}

function fromServer(words: FamilyWords, protocol: Protocol, port: number, data: Uint8Array): Payload {
  if (protocol === "echo") return echo(words.family, "reply", port, concat(u32(1), data));
  return protocol === "tcp" ? tcp({ sport: 80, dport: port, data }) : udp({ sport: 53, dport: port, data });
}

const headerLength = ({ family }: FamilyWords) => (family === 4 ? 20 : 40);

function portOf(words: FamilyWords, protocol: Protocol, packet: Uint8Array): number {
  const at = 14 + headerLength(words) + (protocol === "echo" ? 4 : 0);
  return new DataView(packet.buffer, packet.byteOffset).getUint16(at);
}

/** Bytes of the IP header that stay. */
function fixed({ family }: FamilyWords): ReadonlySet<number> {
  return new Set(family === 4 ? [0, 2, 3, 6, 7, 9] : [0, 4, 5, 6]);
}

/** How wrong the checksums of a packet are: 0 when they are right. TTL and hop limit, which delivery changes, count too. */
function residuals(words: FamilyWords, packet: Uint8Array): readonly number[] {
  const ip = packet.subarray(14);
  const header = ip.subarray(0, headerLength(words));
  const body = ip.subarray(header.length);
  const protocol = header[words.family === 4 ? 9 : 6] ?? 0;
  const addresses = words.family === 4 ? header.subarray(12, 20) : header.subarray(8, 40);
  const pseudo = concat(addresses, u32(body.length), u32(protocol));
  const none = protocol === 17 && body[6] === 0 && body[7] === 0;
  return [
    words.family === 4 ? folded(checksum(header)) : 0,
    none ? -1 : folded(checksum(protocol === 1 ? body : concat(pseudo, body))),
  ];
}

/** Both zeros of the ones' complement are one. */
function folded(sum: number): number {
  return sum === 0xffff ? 0 : sum;
}
