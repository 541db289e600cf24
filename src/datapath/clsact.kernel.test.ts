// SPDX-License-Identifier: Apache-2.0
// Without tcx, as on kernels before 6.6: everything on filters, kept there, and no moment without on the way to and fro.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import "../kernel/testing.ts";
import { eventually } from "../core/testing.ts";
import { BpfProgram, type Filter, ProgramType, queryTcx, type TcxHook } from "../kernel/index.ts";
import { removeDatapath } from "./cleanup/remove.ts";
import { inPrivateNamespaces } from "./testing.ts";
import { DatapathNode } from "./testing-node.ts";

const hooks: readonly TcxHook[] = ["ingress", "egress"];
const names = ["cilium_host", "cilium_vxlan", "eth0", "lxc1"];
const everywhere = [
  "cilium_host egress cil_from_host",
  "cilium_vxlan egress cil_to_overlay",
  "cilium_vxlan ingress cil_from_overlay",
  "eth0 egress cil_to_netdev",
  "eth0 ingress cil_from_netdev",
  "eth0 ingress cil_from_underlay",
  "lxc1 egress cil_to_container_entry",
  "lxc1 ingress cil_from_container_entry",
];

/** r0 = 0; exit */
const letPass = {
  type: ProgramType.BPF_PROG_TYPE_SCHED_CLS,
  expectedAttachType: 0,
  name: "theirs",
  instructions: Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
};

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const node = new DatapathNode({ hostFirewall: true, enableTcx: false });
  const { root, rtnl } = node;
  const { ifindex } = rtnl.createVeth({ name: "lxc1", peer: { name: "pod1" } });
  const endpoint = { id: 7, ifindex, hostDevice: "lxc1" };

  before(() => node.datapath.ensureEndpointAttached(endpoint));

  const index = (device: string) => rtnl.link(device)?.ifindex ?? assert.fail(`no device ${device}`);
  const ours = ({ name }: Filter) => name?.startsWith("cil_") === true;
  const on = (device: string, hook: TcxHook) => rtnl.clsactFilters(index(device), hook).filter(ours);
  const filters = () =>
    names.flatMap((device) => hooks.flatMap((hook) => on(device, hook).map(({ name }) => `${device} ${hook} ${name}`)));
  const programs = () => names.flatMap((device) => hooks.flatMap((hook) => on(device, hook).map((f) => f.programId)));
  const links = () => names.flatMap((device) => hooks.flatMap((hook) => queryTcx(index(device), hook)));

  test("all programs are filters, and say so", async () => {
    assert.equal(node.datapath.attachMode, "tc");
    assert.deepEqual(filters().sort(), everywhere);
    assert.deepEqual(links(), []);
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), true);
    assert.ok(
      node.datapath.status().every(({ state }) => state === "done"),
      JSON.stringify(node.datapath.status()),
    );
  });

  test("a restart keeps them, and other constants replace each without a gap", async () => {
    const before = programs();
    await node.restart();
    assert.deepEqual(programs(), before);
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), true);
    await node.restart({ ctTimeouts: { tcpSyn: 5 } });
    assert.deepEqual(filters().sort(), everywhere);
    assert.ok(programs().every((program) => !before.includes(program)));
    await node.restart();
  });

  test("what somebody takes off comes back: a filter, one of an endpoint, and a qdisc with all", async () => {
    await node.datapath.ensureEndpointAttached(endpoint);
    const complete = () => filters().length === everywhere.length;
    const [hostFilter] = on("cilium_host", "egress");
    const [podFilter] = on("lxc1", "ingress");
    assert.ok(hostFilter && podFilter);
    for (const filter of [hostFilter, podFilter]) {
      assert.equal(rtnl.detachClsact(filter), true);
      await eventually(`repair of ${filter.name}`, complete);
    }
    rtnl.removeClsact(index("eth0"));
    await eventually("repair of eth0", complete);
    rtnl.deleteLink("cilium_vxlan");
    await eventually("a new tunnel device", () => rtnl.link("cilium_vxlan") !== undefined && complete());
  });

  test("tcx and back: the new hooks are complete before the old ones are empty", async () => {
    await node.restart({ enableTcx: true });
    assert.equal(node.datapath.attachMode, "tcx");
    await node.datapath.ensureEndpointAttached(endpoint);
    await eventually("links only", () => links().length === everywhere.length && filters().length === 0);
    await node.restart();
    assert.deepEqual([filters().sort(), links()], [everywhere, []]);
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), true);
  });

  test("without the host firewall its programs leave the devices, and what others put there stays", async () => {
    {
      using program = BpfProgram.load(letPass);
      rtnl.attachClsact({ program, name: "theirs", ifindex: index("eth0"), hook: "ingress" });
    }
    await node.restart({ hostFirewall: false });
    assert.deepEqual(
      filters().sort(),
      everywhere.filter((row) => !row.includes("netdev")),
    );
    await node.datapath.stop();
    const { remaining } = await removeDatapath({ bpfRoot: root, scope: "bpf" });
    assert.deepEqual([filters(), remaining], [[], []]);
    const left = rtnl.clsactFilters(index("eth0"), "ingress").map(({ name }) => name);
    assert.deepEqual(left, ["theirs"]);
    assert.deepEqual(rtnl.clsactDevices(), [index("eth0")]);
    await node.datapath.start();
  });
}
