// SPDX-License-Identifier: Apache-2.0
// Decapsulation on the underlay's device: what is taken past the stack, and what is left as it came.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TracePoint } from "../../src/abi/index.ts";
import { bothFamilies, arriving as carried, type FamilyWords, received, Verdict } from "./case.ts";
import { EtherType, frame, TcpFlag, tcp } from "./packet.ts";
import { ingress } from "./rules.ts";
import { inTunnel, type Outer, TunnelNode } from "./tunnel.ts";
import { internet, otherRouter, podA, podB, podC, router, TUNNEL_IFINDEX, u32le, type World } from "./world.ts";

/** TC_ACT_UNSPEC: the next program, or the stack. */
const LEFT = 0xffffffff;
const GSO_SIZE_OFFSET = 176;

let node: TunnelNode;
let world: World;
before(() => {
  node = new TunnelNode();
  world = node.world;
});
after(() => node[Symbol.dispose]());

function arrive(data: Uint8Array, change: (ctx: DataView) => void = () => {}): { verdict: number; data: Uint8Array } {
  const ctx = new Uint8Array(192);
  ctx.set(u32le(1), 40);
  change(new DataView(ctx.buffer));
  const program = world.underlay.program("cil_from_underlay");
  const result = program.testRun({ data, ctx, outputSize: data.length + 64 });
  return { verdict: result.retval, data: result.data };
}

function assertLeft(data: Uint8Array, what: string, change?: (ctx: DataView) => void): void {
  const result = arrive(data, change);
  assert.equal(result.verdict, LEFT, what);
  assert.equal(Buffer.compare(result.data, data), 0, `${what}: not a byte changed`);
  assert.deepEqual(world.takeEvents(), [], what);
  assert.deepEqual(world.flows(), [], what);
}

const payload = tcp({ sport: 4000, dport: 80, flags: TcpFlag.SYN });
const families: FamilyWords[] = [];
bothFamilies((words) => {
  families.push(words);
  return [];
});

for (const words of families) {
  test(`takes what a pod of another node sends to a pod of this one (${words.name})`, () => {
    world.reset();
    ingress(podB, { identity: podC.identity, cookie: 5 })(world);
    const { verdict, data } = arrive(inTunnel(carried(words, podC, podB, payload)));
    assert.equal(verdict, Verdict.REDIRECT);
    assert.deepEqual(Buffer.from(data), Buffer.from(received(words, podC, podB, payload)));
    const [from, asked, to] = world.takeEvents();
    assert.ok(
      from?.kind === "trace" && from.point === TracePoint.TRACE_FROM_OVERLAY && from.ifindex === TUNNEL_IFINDEX,
    );
    assert.ok(asked?.kind === "verdict" && asked.remoteIdentity === podC.identity && asked.cookie === 5);
    assert.ok(to?.kind === "trace" && to.point === TracePoint.TRACE_TO_ENDPOINT);
    assert.deepEqual(
      world.flows().map(({ peerIdentity }) => peerIdentity),
      [podC.identity],
    );
  });

  test(`threats: judges what it takes by the tunnel's identity (${words.name})`, () => {
    world.reset();
    ingress(podB, { identity: podC.identity })(world);
    const inner = carried(words, podC, podB, payload);
    assert.equal(arrive(inTunnel(inner, { vni: 777 })).verdict, Verdict.DROP);
    assert.deepEqual(
      world.takeEvents().flatMap((event) => (event.kind === "drop" ? [event.sourceIdentity] : [])),
      [777],
    );
    // Another node's host is not this one's.
    assert.equal(arrive(inTunnel(inner, { vni: 1 })).verdict, Verdict.DROP);
    assert.deepEqual(
      world.takeEvents().flatMap((event) => (event.kind === "drop" ? [event.sourceIdentity] : [])),
      [6],
    );
  });

  test(`tells another node's host from others by its address (${words.name})`, () => {
    world.reset();
    const nodeIdentity = 0x0200_0001;
    ingress(podB, { identity: nodeIdentity, cookie: 5 })(world);
    world.ipcache(words.ip(otherRouter), { identity: nodeIdentity });
    const inner = carried(words, otherRouter, podB, payload);
    assert.equal(arrive(inTunnel(inner, { vni: 1 })).verdict, Verdict.REDIRECT);
    const asked = world.takeEvents().find(({ kind }) => kind === "verdict");
    assert.ok(asked?.kind === "verdict" && asked.remoteIdentity === nodeIdentity && asked.cookie === 5);
  });

  test(`threats: leaves to the tunnel device whatever is not beyond doubt (${words.name})`, () => {
    world.reset();
    const inner = carried(words, podC, podB, payload);
    const outers: readonly (readonly [string, Outer])[] = [
      ["a sender that is no node", { source: "172.31.240.66" }],
      ["an address that is not the tunnel's", { destination: "172.31.240.9" }],
      ["another port", { port: 4789 }],
      ["no UDP", { protocol: 6 }],
      ["no identity", { vni: 0 }],
      ["a first fragment", { fragment: 0x2000 }],
      ["a later fragment", { fragment: 0x0001 }],
      ["congestion experienced", { tos: 3 }],
      ["a UDP checksum", { udpChecksum: 0x1234 }],
      ["a short IP packet", { totalLength: 60 }],
      ["a long IP packet", { totalLength: 2000 }],
      ["a short datagram", { udpLength: 60 }],
      ["other VXLAN flags", { vxlanFlags: 0x88000000 }],
      ["another host's frame", { mac: "02:00:00:00:00:99" }],
    ];
    for (const [what, outer] of outers) assertLeft(inTunnel(inner, outer), what);
    const inners: readonly (readonly [string, Uint8Array])[] = [
      ["to the host", carried(words, podC, { ...podB, ...router }, payload)],
      ["to nobody here", carried(words, podC, { ...podB, ...internet }, payload)],
      ["from a pod of this node", carried(words, podA, podB, payload)],
      ["no IP", frame({ source: podA.mac, destination: podB.mac }, EtherType.ARP, new Uint8Array(46))],
      ["cut short", inner.subarray(0, 20)],
    ];
    for (const [what, bytes] of inners) assertLeft(inTunnel(bytes), what);
    assertLeft(inTunnel(inner), "merged segments", (ctx) => ctx.setUint32(GSO_SIZE_OFFSET, 1400, true));
  });

  test(`threats: a flipped bit in the outer headers leads to no other packet (${words.name})`, () => {
    const inner = carried(words, podC, podB, payload);
    const whole = inTunnel(inner);
    const expected = Buffer.from(received(words, podC, podB, payload));
    let taken = 0;
    for (let bit = 0; bit < 64 * 8; bit++) {
      world.reset();
      const packet = whole.slice();
      packet[bit >> 3] = (packet[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { verdict, data } = arrive(packet);
      if (verdict === LEFT) {
        assert.equal(Buffer.compare(data, packet), 0, `bit ${bit}`);
        continue;
      }
      taken++;
      assert.equal(verdict, Verdict.REDIRECT, `bit ${bit}`);
      assert.deepEqual(Buffer.from(data), expected, `bit ${bit}`);
    }
    // MAC addresses of the sender (48) and of the inner frame (96), source port (16), identity (24).
    assert.ok(taken > 100 && taken <= 184, `${taken} taken`);
  });
}
