// SPDX-License-Identifier: Apache-2.0
// The options of the etcd backend: what is taken, and what is refused with which words.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseEtcdOptions } from "./options.ts";

const folder = mkdtempSync(join(tmpdir(), "etcd-options-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("defaults are Cilium's", () => {
  const options = parseEtcdOptions({ "etcd.address": "127.0.0.1:2379" });
  assert.deepEqual(options, {
    ...{ endpoints: ["http://127.0.0.1:2379"], tls: undefined, user: undefined, qps: 20, bootstrapQps: 20 },
    ...{ maxInflight: 20, listLimit: 256, heartbeatMs: 15_000, heartbeatTimeoutMs: 25_000, operationMs: 10_000 },
  });
});

test("several endpoints, numbers and durations are taken", () => {
  const options = parseEtcdOptions({
    ...{ "etcd.address": "http://10.0.0.1:2379, https://[fd00::1]:2379", "etcd.qps": "100" },
    ...{ "etcd.bootstrapQps": "10000", "etcd.keepaliveHeartbeat": "1s", "etcd.operation": "2s" },
  });
  assert.deepEqual(options.endpoints, ["http://10.0.0.1:2379", "https://[fd00::1]:2379"]);
  assert.deepEqual([options.qps, options.bootstrapQps, options.maxInflight], [100, 10_000, 100]);
  assert.deepEqual([options.heartbeatMs, options.operationMs], [1000, 2000]);
});

test("the client file gives endpoints, TLS material and a user", () => {
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => file(`${name}.pem`, name));
  const path = file(
    "client.yaml",
    `endpoints: [https://etcd:2379]\ntrusted-ca-file: ${ca}\ncert-file: ${cert}\nkey-file: ${key}\nusername: u\npassword: p\n`,
  );
  const { endpoints, tls, user } = parseEtcdOptions({ "etcd.config": path });
  assert.deepEqual(endpoints, ["https://etcd:2379"]);
  assert.deepEqual([tls?.ca, tls?.cert, tls?.key].map(String), ["ca", "cert", "key"]);
  assert.equal(tls?.rejectUnauthorized, true);
  assert.deepEqual(user, { name: "u", password: "p" });
});

test("threats: passwords in URLs are refused without being shown", () => {
  for (const text of ["http://root:s3cret@h:1", "root:s3cret@h:2379", "https://root:s3cret@h h:1", "root:s3cret@h/x"]) {
    assert.throws(
      () => parseEtcdOptions({ "etcd.address": text }),
      (error: unknown) => error instanceof Error && !error.message.includes("s3cret"),
      text,
    );
  }
  const path = file("password.yaml", "endpoints: [http://u:s3cret@h:1]\npassword: [s3cret");
  assert.throws(
    () => parseEtcdOptions({ "etcd.config": path }),
    (error: unknown) => error instanceof Error && !error.message.includes("s3cret"),
  );
});

const address = { "etcd.address": "127.0.0.1:2379" };
const refused: readonly (readonly [Record<string, string>, RegExp])[] = [
  [{}, /"etcd": neither etcd\.address nor etcd\.config is set/],
  [{ ...address, "etcd.config": "x" }, /"etcd": both are set/],
  [{ "etcd.address": " " }, /"etcd\.address= ": an address such as/],
  [{ "etcd.address": "ftp://x:1" }, /"etcd\.address=ftp:\/\/x:1": http:\/\/HOST:PORT or https/],
  [{ "etcd.address": "http://x:1/path" }, /http:\/\/HOST:PORT or https/],
  [{ "etcd.address": "127.0.0.1:70000" }, /"etcd\.address=127\.0\.0\.1:70000": http/],
  [{ ...address, "etcd.qps": "0" }, /"etcd\.qps=0": a whole number above 0 expected/],
  [{ ...address, "etcd.limit": "many" }, /"etcd\.limit=many"/],
  [{ ...address, "etcd.operation": "10" }, /"etcd\.operation=10": a duration above 0 such as 15s expected/],
  [{ "etcd.config": "/nonexistent/etcd.yaml" }, /"etcd\.config=\/nonexistent\/etcd\.yaml": ENOENT/],
];
for (const [options, message] of refused) {
  test(`refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => parseEtcdOptions(options), { name: "ConfigError", message });
  });
}

test("refuses client files that are wrong, naming the place", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["endpoints: []", /endpoints: /],
    ["endpoints: [http://x:1]\nendpoint: y", /[Uu]nrecognized key.*endpoint/],
    ["endpoints: [http://x:1]\ncert-file: /x", /cert-file and key-file belong together/],
    ["endpoints: [http://x:1]\ntrusted-ca-file: /nonexistent/ca", /ENOENT.*\/nonexistent\/ca/],
    ["just text", /\(top level\): /],
    ["a: [", /etcd\.config=/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseEtcdOptions({ "etcd.config": file("bad.yaml", text) }), { name: "ConfigError", message });
  }
});
