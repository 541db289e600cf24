// SPDX-License-Identifier: Apache-2.0
// Runs the packet cases of the other L3 modes, each with the same programs loaded for it; and Geneve's headers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withNetns } from "../../src/kernel/index.ts";
import { arriving, bothFamilies, type Case, type FamilyWords, received, sent, Verdict } from "./case.ts";
import { TcpFlag, tcp } from "./packet.ts";
import { endpointRouteCases, nativeCases, nativeEndpointRouteCases } from "./routing.cases.ts";
import { runCase } from "./run.ts";
import { inTunnel, TUNNEL_PORT, TunnelNode } from "./tunnel.ts";
import { podA, podB, podC, u32le, World } from "./world.ts";

const modes: readonly (readonly [string, Record<string, number>, readonly Case[]])[] = [
  ["native routing", { tunnel_ifindex: 0 }, nativeCases],
  ["endpoint routes", { enable_endpoint_routes: 1 }, endpointRouteCases],
  ["native routing, endpoint routes", { tunnel_ifindex: 0, enable_endpoint_routes: 1 }, nativeEndpointRouteCases],
];

for (const [name, variables, cases] of modes) {
  test(name, async (t) => {
    using world = new World({ tunnelPort: TUNNEL_PORT, variables });
    for (const each of cases) await t.test(each.name, () => runCase(world, each));
  });
}

/** Version 0, no options, no flags, an Ethernet frame inside. */
const GENEVE = 0x00006558;
const payload = tcp({ sport: 4000, dport: 80, flags: TcpFlag.SYN });
const families: FamilyWords[] = [];
bothFamilies((words) => {
  families.push(words);
  return [];
});
let node: TunnelNode;
before(() => {
  node = new TunnelNode({ tunnel_is_geneve: 1 });
});
after(() => node[Symbol.dispose]());

for (const words of families) {
  test(`writes Geneve headers, and takes them off again (${words.name})`, () => {
    const { world } = node;
    world.reset();
    const ctx = new Uint8Array(192);
    ctx.set(u32le(1), 40);
    const packet = sent(words, podA, podC, payload);
    const entry = world.entries.get(podA.id)?.program("cil_from_container_entry") ?? assert.fail();
    const out = withNetns(node.netns, () => entry.testRun({ data: packet, ctx, outputSize: packet.length + 64 }));
    assert.equal(out.retval, Verdict.REDIRECT);
    const view = new DataView(out.data.buffer, out.data.byteOffset);
    assert.deepEqual([view.getUint32(42), view.getUint32(46)], [GENEVE, podA.identity << 8]);
    assert.deepEqual(Buffer.from(out.data.subarray(50)), Buffer.from(packet));

    const arrive = (vxlanFlags: number) => {
      const data = inTunnel(arriving(words, podC, podB, payload), { vxlanFlags });
      const run = world.underlay.program("cil_from_underlay").testRun({ data, ctx, outputSize: data.length + 64 });
      return { ...run, sent: data };
    };
    const taken = arrive(GENEVE);
    assert.equal(taken.retval, Verdict.REDIRECT);
    assert.deepEqual(Buffer.from(taken.data), Buffer.from(received(words, podC, podB, payload)));
    // With options, of control, with another inner protocol, and VXLAN: for the device.
    for (const header of [0x01006558, 0x00806558, 0x00000800, 0x08000000]) {
      const left = arrive(header);
      assert.equal(left.retval, Verdict.NEXT, `header ${header}`);
      assert.deepEqual(Buffer.from(left.data), Buffer.from(left.sent));
    }
  });
}
