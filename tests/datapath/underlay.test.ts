// SPDX-License-Identifier: Apache-2.0
// Encapsulation by the programs themselves: the bytes on the underlay, and what is left to the tunnel device.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withNetns } from "../../src/kernel/index.ts";
import { bothFamilies, type FamilyWords, sent, Verdict } from "./case.ts";
import { TcpFlag, tcp, udp } from "./packet.ts";
import { TUNNEL_PORT, TunnelNode, thisNode, UNDERLAY_MTU } from "./tunnel.ts";
import { otherNode, podA, podC, u32le, type World } from "./world.ts";

/** IPv4, UDP, VXLAN and the inner Ethernet header. */
const ROOM = 50;

let node: TunnelNode;
let world: World;
before(() => {
  node = new TunnelNode();
  world = node.world;
});
after(() => node[Symbol.dispose]());

/** What comes out when pod A sends it, on a node that has `netns`. */
function send(packet: Uint8Array): Uint8Array {
  const ctx = new Uint8Array(192);
  ctx.set(u32le(1), 40);
  const entry = world.entries.get(podA.id)?.program("cil_from_container_entry");
  assert.ok(entry);
  const result = withNetns(node.netns, () => entry.testRun({ data: packet, ctx, outputSize: packet.length + 256 }));
  assert.equal(result.retval, Verdict.REDIRECT);
  return result.data;
}

function syn(words: FamilyWords): Uint8Array {
  return sent(words, podA, podC, tcp({ sport: 4000, dport: 80, flags: TcpFlag.SYN }));
}

/** A datagram of `length` bytes with its IP header. */
function datagram(words: FamilyWords, length: number): Uint8Array {
  const headers = (words.family === 4 ? 20 : 40) + 8;
  return sent(words, podA, podC, udp({ sport: 4000, dport: 53, data: new Uint8Array(length - headers) }));
}

function sumOf(header: Uint8Array): number {
  const view = new DataView(header.buffer, header.byteOffset);
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += view.getUint16(at);
  return (sum & 0xffff) + (sum >> 16);
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const families: FamilyWords[] = [];
bothFamilies((words) => {
  families.push(words);
  return [];
});

for (const words of families) {
  test(`writes IPv4, UDP and VXLAN headers in front of the frame (${words.name})`, () => {
    world.reset();
    const packet = syn(words);
    const out = send(packet);
    const view = new DataView(out.buffer, out.byteOffset);
    assert.equal(out.length, packet.length + ROOM);
    assert.equal(hex(out.subarray(14 + ROOM - 14)), hex(packet), "the frame itself");
    assert.equal(view.getUint16(12), 0x0800);
    const total = packet.length - 14 + ROOM;
    assert.deepEqual(
      [out[14], out[15], view.getUint16(16), view.getUint16(20), out[22], out[23]],
      [0x45, 0, total, 0x4000, 64, 17],
    );
    assert.equal(sumOf(out.subarray(14, 34)), 0xffff, "checksum");
    assert.equal([...out.subarray(26, 34)].join("."), `${thisNode}.${otherNode.ipv4}`);
    const sourcePort = view.getUint16(34);
    assert.ok(sourcePort >= 32768 && sourcePort <= 60999, `source port ${sourcePort}`);
    assert.deepEqual([view.getUint16(36), view.getUint16(38), view.getUint16(40)], [TUNNEL_PORT, total - 20, 0]);
    assert.deepEqual([view.getUint32(42), view.getUint32(46)], [0x08000000, podA.identity << 8]);
    assert.equal(new DataView(send(packet).buffer).getUint16(34), sourcePort, "one source port a flow");
  });

  test(`hands on what the packet says about congestion (${words.name})`, () => {
    world.reset();
    for (const [inner, outer] of [
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 2],
    ] as const) {
      const packet = syn(words);
      packet[15] = words.family === 4 ? inner : inner << 4;
      assert.equal(send(packet)[15], outer);
    }
  });

  test(`leaves to the device what the route's MTU does not take (${words.name})`, () => {
    world.reset();
    const fits = datagram(words, UNDERLAY_MTU - ROOM);
    assert.equal(send(fits).length, fits.length + ROOM);
    const tooLarge = datagram(words, UNDERLAY_MTU - ROOM + 1);
    assert.equal(hex(send(tooLarge)), hex(tooLarge));
  });
}

test("follows the routing table within a second", async () => {
  const [words] = families;
  assert.ok(words);
  world.reset();
  const packet = syn(words);
  assert.equal(send(packet).length, packet.length + ROOM);
  node.rtnl.setLink("eth0", { up: false });
  await sleep(1100);
  assert.equal(hex(send(packet)), hex(packet), "no way: left to the device");
  node.rtnl.setLink("eth0", { up: true });
  await sleep(1100);
  assert.equal(send(packet).length, packet.length + ROOM);
});
