// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EndpointStore, type StoredEndpoint } from "./store.ts";

const sample: StoredEndpoint = {
  version: 1,
  id: 7,
  containerId: "c1",
  containerInterfaceName: "eth0",
  netnsPath: "/run/netns/x",
  interfaceName: "lxc0123456789ab",
  ifindex: 12,
  mac: "02:00:00:00:00:01",
  nodeMac: "02:00:00:00:00:02",
  ipv4: "10.1.0.5",
  podNamespace: "default",
  podName: "a",
  labels: ["k8s:app=a"],
  identity: 300,
};

test("EndpointStore gives back what was saved, and forgets what was removed", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "endpoints-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const store = new EndpointStore(directory);
  store.save(sample);
  store.save({ ...sample, id: 3 });
  assert.deepEqual(store.load(), { endpoints: [{ ...sample, id: 3 }, sample], errors: [] });
  store.remove(3);
  store.remove(99);
  assert.deepEqual(store.load().endpoints, [sample]);
});

test("EndpointStore writes what changed, and nothing else, also after a restart", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "endpoints-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = () => statSync(join(directory, "7", "endpoint.json")).ino;
  const first = new EndpointStore(directory);
  first.save(sample);
  const written = file();
  first.save({ ...sample });
  const second = new EndpointStore(directory);
  second.load();
  second.save({ ...sample });
  assert.equal(file(), written);
  second.save({ ...sample, identity: 301 });
  assert.notEqual(file(), written);
  assert.equal(second.load().endpoints[0]?.identity, 301);
  second.remove(7);
  second.save({ ...sample, identity: 301 });
  assert.equal(second.load().endpoints.length, 1);
});

test("EndpointStore names a corrupt file, keeps it, and loads the others", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "endpoints-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const store = new EndpointStore(directory);
  for (const id of [7, 8, 9, 10]) store.save({ ...sample, id });
  writeFileSync(join(directory, "8", "endpoint.json"), '{"version": 1, "id": ');
  writeFileSync(join(directory, "9", "endpoint.json"), JSON.stringify({ ...sample, id: 70000 }));
  writeFileSync(join(directory, "10", "endpoint.json"), JSON.stringify({ ...sample, id: 11 }));
  const { endpoints, errors } = store.load();
  assert.deepEqual(
    endpoints.map((e) => e.id),
    [7],
  );
  assert.deepEqual(
    errors.map((e) => e.path),
    ["10", "8", "9"].map((id) => join(directory, id, "endpoint.json")),
  );
  assert.match(errors[0]?.message ?? "", /id is 11, expected 10/);
  assert.match(errors[2]?.message ?? "", /^id: /);
  assert.match(readFileSync(join(directory, "8", "endpoint.json"), "utf8"), /"id": $/);
});

test("EndpointStore drops a folder whose creation was cut short, and leaves what is no endpoint's", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "endpoints-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const store = new EndpointStore(directory);
  for (const name of ["5", "70000", "007", "other"]) mkdirSync(join(directory, name));
  writeFileSync(join(directory, "5", ".endpoint.json.tmp"), "{");
  assert.deepEqual(store.load(), { endpoints: [], errors: [] });
  assert.deepEqual(readdirSync(directory).sort(), ["007", "70000", "other"]);
});
