// SPDX-License-Identifier: Apache-2.0
// A new endpoint's programs are filters first and links a little later: judged from the first packet, over kills too.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { afterEach, test } from "node:test";
import "../kernel/testing.ts";
import { eventually } from "../core/testing.ts";
import { BpfProgram, queryTcx, type TcxHook } from "../kernel/index.ts";
import { removeDatapath } from "./cleanup/remove.ts";
import type { DatapathEvent } from "./events/types.ts";
import { dropReason } from "./index.ts";
import { generationsRoot } from "./loader/generation.ts";
import { endpointsPinRoot } from "./loader/pins.ts";
import { inPrivateNamespaces } from "./testing.ts";
import { DatapathNode } from "./testing-node.ts";

const hooks: readonly TcxHook[] = ["ingress", "egress"];

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const node = new DatapathNode();
  const { root, rtnl } = node;
  let endpoint = { id: 0, ifindex: 0, hostDevice: "lxc1" };
  let id = 100;

  afterEach(async () => {
    await node.datapath.detachEndpoint(endpoint.id);
    rtnl.deleteLink("lxc1");
  });
  const filters = () => hooks.flatMap((hook) => rtnl.clsactFilters(endpoint.ifindex, hook));
  const links = () => hooks.flatMap((hook) => queryTcx(endpoint.ifindex, hook));
  const callsMaps = (programId: number) => {
    using program = BpfProgram.fromId(programId);
    return program.mapIds();
  };
  const newEndpoint = async () => {
    const { ifindex } = rtnl.createVeth({ name: "lxc1", peer: { name: "pod1" } });
    endpoint = { id: id++, ifindex, hostDevice: "lxc1" };
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), false);
    assert.deepEqual(
      filters().map(({ handle, name }) => [handle, name]),
      [
        [endpoint.id, "cil_from_container_entry"],
        [endpoint.id, "cil_to_container_entry"],
      ],
    );
    assert.deepEqual(links(), []);
  };
  const onLinks = () => eventually("links in place of filters", () => links().length === 2 && filters().length === 0);

  test("both hooks have filters when ensureEndpointAttached() returns, then links, then no clsact", async () => {
    await newEndpoint();
    assert.deepEqual(node.datapath.attachedEndpoints(), [endpoint.id]);
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), true);
    const programs = filters().map(({ programId }) => programId);
    await onLinks();
    assert.deepEqual(links(), programs);
    await eventually("the end of clsact", () => rtnl.clsactDevices().length === 0);
    assert.deepEqual(node.datapath.attachedEndpoints(), [endpoint.id]);
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), true);
  });

  test("the first packet meets the programs: an endpoint without a slot is not ready", async () => {
    await newEndpoint();
    const events: DatapathEvent[] = [];
    using reader = node.datapath.createEventReader();
    reader.start((batch) => events.push(...batch));
    rtnl.setLink("lxc1", { up: true });
    rtnl.setLink("pod1", { up: true });
    const drop = () => events.find((event) => event.type === "drop" && event.source === endpoint.id);
    await eventually("drop event", () => drop() !== undefined);
    const found = drop();
    assert.equal(found?.type === "drop" ? dropReason(found.reason)?.name : undefined, "DROP_EP_NOT_READY");
  });

  test("detachEndpoint() takes filters off, and an endpoint of its number gets its own", async () => {
    await newEndpoint();
    await node.datapath.detachEndpoint(endpoint.id);
    assert.deepEqual([filters(), node.datapath.attachedEndpoints()], [[], []]);
  });

  test("filters of others stay, and clsact with them", async () => {
    await newEndpoint();
    using program = BpfProgram.fromId(filters()[0]?.programId ?? 0);
    rtnl.attachClsact({ program, ifindex: endpoint.ifindex, hook: "egress", handle: 70_000 });
    await eventually("links in place of filters", () => links().length === 2 && filters().length === 1);
    assert.deepEqual(
      filters().map(({ handle }) => handle),
      [70_000],
    );
  });

  test("a filter that somebody removed is put back", async () => {
    await newEndpoint();
    rtnl.detachClsact({ ifindex: endpoint.ifindex, hook: "ingress", handle: endpoint.id });
    await eventually("repair", () => filters().length === 2 || links().length === 2);
    await onLinks();
  });

  test("a restart takes filters over; other constants give them other programs before the earlier ones go", async () => {
    await newEndpoint();
    const before = filters().map(({ programId }) => programId);
    await node.restart();
    assert.deepEqual(node.datapath.attachedEndpoints(), [endpoint.id]);
    assert.deepEqual(
      filters().map(({ programId }) => programId),
      before,
    );
    const earlier = callsMaps(before[0] ?? 0);
    await node.restart({ ctTimeouts: { tcpSyn: 5 } });
    for (const { programId } of filters()) {
      const common = callsMaps(programId ?? 0).filter((map) => earlier.includes(map));
      assert.ok(common.length < earlier.length, "the entry program leads into the earlier programs");
    }
    await eventually("removal of the earlier programs", () => readdirSync(generationsRoot(root)).length === 1);
    assert.equal(await node.datapath.ensureEndpointAttached(endpoint), true);
    await onLinks();
    await node.restart();
  });

  test("a move that was cut short between two links is finished by the next run", async () => {
    await newEndpoint();
    // The second link takes a grace period: the datapath stops while it is made.
    await eventually("the first pin", () => readdirSync(endpointsPinRoot(root)).includes(String(endpoint.id)));
    await node.restart();
    await node.datapath.ensureEndpointAttached(endpoint);
    await onLinks();
  });

  test("removal takes filters away", async () => {
    await newEndpoint();
    await node.datapath.stop();
    const { removed, remaining } = await removeDatapath({ bpfRoot: root, scope: "bpf" });
    assert.equal(removed.filter(({ kind }) => kind === "filter").length, 2);
    assert.deepEqual(remaining, []);
    assert.deepEqual(filters(), []);
    await node.datapath.start();
  });
}
