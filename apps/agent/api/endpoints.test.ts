// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ApiError } from "../../../src/api/index.ts";
import { configureLogging } from "../../../src/core/index.ts";
import type { EndpointConfigRow } from "../../../src/datapath/index.ts";
import { allOptions, endpointRequest, podObject, setUp } from "./testing.ts";

configureLogging({ level: "silent" });

const status = (code: number, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, code, error.message);
  assert.match(error.message, message);
  return true;
};

test("PUT with sync-build answers with the ready endpoint, its labels are the pod's", async (t) => {
  const { api, resources, datapath } = await setUp(t);
  resources.upsert(podObject("p1", { app: "web" }));
  const addressing = { ipv4: "10.1.0.4", ipv6: "FD00:0::4" };
  const request = endpointRequest(1, { addressing, labels: ["k8s:app=fake"], "sync-build-endpoint": true });
  const made = await api.putEndpoint(0, request);
  assert.equal(made.status.state, "ready");
  assert.ok(made.status.labels["security-relevant"].includes("k8s:app=web"));
  assert.ok(!made.status.labels["security-relevant"].includes("k8s:app=fake"));
  assert.deepEqual(made.status.networking.addressing, [{ ipv4: "10.1.0.4", ipv6: "fd00::4" }]);
  assert.equal(datapath.addresses.get("fd00::4")?.endpointId, made.id);
  const attachment = { kind: "cni-attachment-id", containerId: "c1", interfaceName: "eth0" } as const;
  assert.equal((await api.getEndpoint(attachment))?.id, made.id);
  assert.equal((await api.getEndpoint({ kind: "ipv6", address: "fd00::4" }))?.id, made.id);
  assert.deepEqual(
    (await api.listEndpoints(["k8s:app=web"])).map(({ id }) => id),
    [made.id],
  );
  assert.deepEqual(await api.listEndpoints(["app=db"]), []);
  assert.throws(() => api.listEndpoints(["k8s:=x"]), status(400, /empty key/));
});

test("PUT of a pod that is not known is reserved:init, and becomes the pod's identity by its Pod object", async (t) => {
  const { api } = await setUp(t);
  const made = await api.putEndpoint(0, endpointRequest(1, { addressing: { ipv4: "10.1.0.4" }, labels: ["k8s:a=b"] }));
  assert.deepEqual(made.status.labels["security-relevant"], ["reserved:init"]);
});

test("PUT takes the request's labels where there are no Pod objects, but no reserved ones", async (t) => {
  const { api, ipam, endpoints } = await setUp(t, { hasPodSource: false });
  const addressing = { ipv4: "10.1.0.4" };
  for (const label of ["reserved:host", "reserved:kube-apiserver", "k8s:a=b;reserved:host"]) {
    const labels = ["k8s:app=web", label];
    await assert.rejects(
      async () => await api.putEndpoint(0, endpointRequest(1, { addressing, labels })),
      status(400, /Cannot use label/),
    );
  }
  assert.equal(endpoints.size, 0);
  assert.deepEqual(ipam.list(), []);
  const made = await api.putEndpoint(0, endpointRequest(1, { addressing, labels: ["k8s:app=web", "app=x"] }));
  assert.deepEqual(made.status.labels["security-relevant"], ["container:app=x", "k8s:app=web"]);
  const bare = await api.putEndpoint(0, endpointRequest(2, { addressing: { ipv4: "10.1.0.5" } }));
  assert.deepEqual(bare.status.labels["security-relevant"], ["reserved:init"]);
});

test("PUT claims the addresses that POST /ipam lent", async (t) => {
  const { api, ipam, clock } = await setUp(t);
  const lent = await api.ipamAllocate({ pool: "default", owner: "default/p1", expiration: true });
  const { ipv4, ipv6 } = lent.address;
  const addressing = {
    ...{ ipv4, "ipv4-expiration-uuid": lent.ipv4?.["expiration-uuid"] },
    ...{ ipv6, "ipv6-expiration-uuid": lent.ipv6?.["expiration-uuid"] },
  };
  const made = await api.putEndpoint(0, endpointRequest(1, { addressing: addressing as Record<string, string> }));
  clock.advance(3_600_000);
  assert.equal(ipam.get(ipv4 ?? "")?.owner, "default/p1");
  assert.throws(() => api.ipamRelease(ipv4 ?? "", ""), status(400, new RegExp(`endpoint ${made.id} uses it`)));
  assert.deepEqual(await api.deleteEndpoint({ kind: "cilium-local", id: made.id }), { deleted: 1, errors: [] });
  assert.deepEqual(ipam.list(), []);
});

test("PUT with an expired, a wrong or no id for a lent address is refused and leaves nothing taken", async (t) => {
  const { api, ipam, clock, endpoints } = await setUp(t);
  const lend = async () => {
    const { ipv4 } = await api.ipamAllocate({ pool: "default", family: "ipv4", owner: "default/p1", expiration: true });
    return { ip: ipv4?.ip ?? "", uuid: ipv4?.["expiration-uuid"] ?? "" };
  };
  const put = async (ipv4: string, uuid: string) => {
    const addressing = { ipv6: "fd00::4", ipv4, ...(uuid !== "" && { "ipv4-expiration-uuid": uuid }) };
    return await api.putEndpoint(0, endpointRequest(1, { addressing }));
  };
  const first = await lend();
  await assert.rejects(put(first.ip, "other"), status(400, /expiration id "other" is not that of its allocation/));
  await assert.rejects(put(first.ip, ""), status(400, /expiration id "" is not that of its allocation/));
  clock.advance(600_001);
  await assert.rejects(put(first.ip, first.uuid), status(400, /not allocated \(its allocation may have expired\)/));
  assert.deepEqual(ipam.list(), []);
  assert.equal(endpoints.size, 0);
});

test("PUT that fails gives back the addresses that it claimed, and no others", async (t) => {
  const { api, ipam } = await setUp(t);
  await api.putEndpoint(0, endpointRequest(1, { addressing: { ipv4: "10.1.0.4" } }));
  const { ipv6 } = await api.ipamAllocate({ pool: "default", family: "ipv6", owner: "default/p2", expiration: true });
  const addressing = {
    ipv4: "10.1.0.4",
    ipv6: ipv6?.ip ?? "",
    "ipv6-expiration-uuid": ipv6?.["expiration-uuid"] ?? "",
  };
  const conflicting = async () => await api.putEndpoint(0, endpointRequest(2, { addressing }));
  await assert.rejects(conflicting, status(409, /10\.1\.0\.4 belongs to endpoint 1/));
  assert.deepEqual(
    ipam.list().map(({ ip }) => ip),
    ["10.1.0.4"],
  );
});

for (const [what, code, message, change] of [
  ["without a container id", 400, /"container-id" is missing/, { "container-id": undefined }],
  ["with a bad MAC", 400, /MAC/, { mac: "02:00" }],
  ["with a bad address", 400, /10\.1\.0/, { addressing: { ipv4: "10.1.0" } }],
  ["with an address outside of the pod CIDR", 400, /outside of the pod CIDR/, { addressing: { ipv4: "10.9.0.1" } }],
  ["with the router's address", 409, /in use by "router"/, { addressing: { ipv4: "10.1.0.1" } }],
  ["without an address", 400, /it has no address/, {}],
] as const) {
  test(`PUT ${what} is answered with ${code}`, async (t) => {
    const { api, endpoints, ipam } = await setUp(t);
    assert.equal(ipam.router(4), "10.1.0.1");
    const request = { ...endpointRequest(1), ...change } as ReturnType<typeof endpointRequest>;
    await assert.rejects(async () => await api.putEndpoint(0, request), status(code, message));
    assert.equal(endpoints.size, 0);
    assert.deepEqual(ipam.list(), []);
  });
}

test("PUT without its device is answered with 400 and leaves nothing", async (t) => {
  const { api, ipam } = await setUp(t, { devices: false });
  const put = async () => await api.putEndpoint(0, endpointRequest(1, { addressing: { ipv4: "10.1.0.4" } }));
  await assert.rejects(put, status(400, /there is no device "lxc1" \(index 1\)/));
  assert.deepEqual(ipam.list(), []);
});

test("PUT with sync-build that is not ready in time is answered with 500 and leaves nothing", async (t) => {
  const { api, ipam, endpoints, identities, clock, datapath } = await setUp(t);
  identities.failure = new Error("Cannot reach etcd");
  const request = endpointRequest(1, { addressing: { ipv4: "10.1.0.4" }, "sync-build-endpoint": true });
  const answer = assert.rejects(
    async () => await api.putEndpoint(0, request),
    status(500, /within 25 s, it waits for an identity \(Cannot reach etcd\)/),
  );
  for (let n = 0; n < 5; n++) await turn();
  clock.advance(25_000);
  await answer;
  assert.equal(endpoints.size, 0);
  assert.deepEqual(ipam.list(), []);
  assert.equal(datapath.slots.size, 0);
});

test("PATCH changes labels of endpoints that are no pods, and of none else", async (t) => {
  const { api } = await setUp(t);
  const pod = await api.putEndpoint(0, endpointRequest(1, { addressing: { ipv4: "10.1.0.4" } }));
  const container = { addressing: { ipv4: "10.1.0.5" }, "k8s-pod-name": "", "k8s-namespace": "" };
  const other = await api.putEndpoint(0, endpointRequest(2, container));
  const patch = async (id: number, labels: string[]) => {
    return await api.patchEndpoint({ kind: "cilium-local", id }, { labels });
  };
  const changed = await patch(other.id, ["k8s:app=new"]);
  assert.deepEqual(changed.status.labels["security-relevant"], ["k8s:app=new"]);
  await assert.rejects(
    patch(other.id, ["reserved:host"]),
    status(400, /"reserved:host": source "reserved" is not for endpoints/),
  );
  await assert.rejects(patch(other.id, ["k8s:=x"]), status(400, /empty key/));
  await assert.rejects(
    patch(pod.id, ["k8s:app=new"]),
    status(400, /they are those of pod "default\/p1" \(change them there\)/),
  );
  await assert.rejects(patch(99, []), status(404, /there is none of that name/));
});

test("DELETE by container takes all its interfaces, and tells what failed", async (t) => {
  const { api, datapath, endpoints } = await setUp(t);
  for (const [n, name] of [
    [4, "eth0"],
    [5, "net1"],
  ] as const) {
    const more = { addressing: { ipv4: `10.1.0.${n}` }, "container-id": "c", "container-interface-name": name };
    await api.putEndpoint(0, endpointRequest(n, more));
  }
  datapath.refuse = (write) => (write === "detach 2" ? new Error("EBUSY") : undefined);
  assert.deepEqual(await api.deleteEndpoints({ containerId: "c" }), { deleted: 1, errors: ["EBUSY"] });
  datapath.refuse = () => undefined;
  assert.deepEqual(await api.deleteEndpoints({ containerId: "c" }), { deleted: 1, errors: [] });
  assert.equal(endpoints.size, 0);
  assert.equal(await api.deleteEndpoint({ kind: "cilium-local", id: 1 }), undefined);
});

test("health and log of an endpoint follow its state", async (t) => {
  const { api, identities } = await setUp(t);
  identities.failure = new Error("Cannot reach etcd");
  const { id } = await api.putEndpoint(0, endpointRequest(1, { addressing: { ipv4: "10.1.0.4" } }));
  const ref = { kind: "cilium-local", id } as const;
  assert.deepEqual(await api.endpointHealth(ref), {
    overallHealth: "Pending",
    bpf: "Pending",
    policy: "Pending",
    connected: false,
  });
  assert.deepEqual(
    (await api.endpointLog(ref))?.map(({ code, state, message }) => [code, state, message]),
    [["ok", "waiting-for-identity", "Endpoint creation"]],
  );
  assert.equal(await api.endpointHealth({ kind: "cilium-local", id: 99 }), undefined);
});

test("PATCH says which container an endpoint turned out to be, unless that is another one's", async (t) => {
  const { api } = await setUp(t);
  const make = (n: number) => api.putEndpoint(0, endpointRequest(n, { addressing: { ipv4: `10.1.0.${n + 3}` } }));
  const [first, second] = [await make(1), await make(2)];
  const identifiers = (endpoint: Awaited<ReturnType<typeof make>>) =>
    endpoint?.status["external-identifiers"]?.["container-id"];
  const patch = (id: string) => api.patchEndpoint({ kind: "cilium-local", id: first.id }, { "container-id": id });
  assert.equal(identifiers(await patch("real")), "real");
  assert.equal((await api.getEndpoint({ kind: "container-id", value: "real" }))?.id, first.id);
  await assert.rejects(
    async () => patch(identifiers(second) ?? ""),
    status(409, /Cannot use attachment: ".*:eth0" is endpoint \d+ already/),
  );
  assert.equal(identifiers(await patch("real")), "real");
});
test("PATCH /endpoint/{id}/config sets options of one endpoint and refuses what it does not know", async (t) => {
  const { api, datapath } = await setUp(t);
  const request = endpointRequest(1, { addressing: { ipv4: "10.1.0.4" }, "sync-build-endpoint": true });
  const { id } = await api.putEndpoint(0, request);
  const ref = { kind: "cilium-local", id } as const;
  const patch = async (changes: Record<string, string>) =>
    (await api.patchEndpointConfig(ref, { options: changes }))?.realized.options;
  const slot = async (is: (slot: EndpointConfigRow) => boolean) => {
    for (let found = datapath.slots.get(id); found === undefined || !is(found); found = datapath.slots.get(id))
      await turn();
  };
  const agents = (await api.endpointConfig(ref))?.realized.options;
  assert.deepEqual(agents, allOptions);
  assert.deepEqual(await patch({ PolicyAuditMode: "enable" }), { ...allOptions, PolicyAuditMode: "Enabled" });
  await slot(({ audit }) => audit);
  const own = { TraceNotification: "off", MonitorAggregationLevel: "none", SourceIPVerification: "disable" };
  const shown = { TraceNotification: "Disabled", MonitorAggregationLevel: "None", SourceIPVerification: "Disabled" };
  assert.deepEqual(await patch(own), { ...allOptions, PolicyAuditMode: "Enabled", ...shown });
  await slot(
    ({ anySource, monitor }) => anySource === true && monitor?.trace === false && monitor.aggregation === "none",
  );
  assert.deepEqual(
    datapath.ownMonitors.map(({ aggregation }) => aggregation),
    ["none"],
  );
  const back = Object.fromEntries([...Object.keys(own), "PolicyAuditMode"].map((name) => [name, "default"]));
  assert.deepEqual(await patch(back), allOptions);
  await slot(({ audit, anySource, monitor }) => !audit && anySource === undefined && monitor === undefined);
  assert.deepEqual(datapath.ownMonitors, []);
  await assert.rejects(patch({ PolicyTracing: "enable" }), status(400, /"PolicyTracing": unknown \(Debug, DebugLB,/));
  await assert.rejects(patch({ PolicyAuditMode: "perhaps" }), status(400, /allowed: Enabled or Disabled/));
  assert.equal(await api.endpointConfig({ kind: "cilium-local", id: 999 }), undefined);
});

test("disable-sip-verification of a new endpoint is an option of its own", async (t) => {
  const { api } = await setUp(t);
  const request = { addressing: { ipv4: "10.1.0.4" }, "datapath-configuration": { "disable-sip-verification": true } };
  const { id } = await api.putEndpoint(0, endpointRequest(1, request));
  const options = (await api.endpointConfig({ kind: "cilium-local", id }))?.realized.options;
  assert.equal(options?.["SourceIPVerification"], "Disabled");
});
