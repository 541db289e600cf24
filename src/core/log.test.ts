// SPDX-License-Identifier: Apache-2.0
// Log lines in both formats, levels, and what must not be in them.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { CiliumError, configureLogging, createLogger, type LogConfig, redactText } from "./index.ts";

afterEach(() => configureLogging({ level: "error", format: "text", write: (line) => void process.stderr.write(line) }));

function capture(config: LogConfig): string[] {
  const lines: string[] = [];
  configureLogging({ ...config, write: (line) => void lines.push(line) });
  return lines;
}

test("text lines have time, level, message and fields in order", () => {
  const lines = capture({ level: "info", format: "text" });
  createLogger("agent").info("Endpoint created", { endpointId: 12, ips: ["10.0.0.1"], state: "ready to go" });
  assert.match(
    lines[0] ?? "",
    /^time=\d{4}-\d\d-\d\dT[\d:.]+Z level=info msg="Endpoint created" subsys=agent endpointId=12 ips="\[\\"10.0.0.1\\"\]" state="ready to go"\n$/,
  );
});

test("JSON lines parse and carry the same", () => {
  const lines = capture({ level: "debug", format: "json" });
  createLogger("agent").child({ node: "n1" }).debug("Resynced", { revision: 5n, gone: undefined });
  const { time, ...rest } = JSON.parse(lines[0] ?? "");
  assert.equal(typeof time, "string");
  assert.deepEqual(rest, { level: "debug", subsys: "agent", node: "n1", revision: "5", msg: "Resynced" });
});

test("levels below the configured one are not written", () => {
  const lines = capture({ level: "warn" });
  const log = createLogger("x");
  log.info("no");
  log.warn("yes");
  assert.equal(lines.length, 1);
  assert.deepEqual([log.enabled("info"), log.enabled("error")], [false, true]);
});

test("errors are one line with their causes; the stack is for debug", () => {
  const error = new CiliumError("Cannot reach etcd", { cause: new Error("ECONNREFUSED") });
  const plain = capture({ level: "info" });
  createLogger("x").error("Watch failed", { error });
  assert.match(plain[0] ?? "", /error="Cannot reach etcd: ECONNREFUSED"\n$/);
  const debug = capture({ level: "debug", format: "json" });
  createLogger("x").error("Watch failed", { error });
  assert.match(JSON.parse(debug[0] ?? "").error, /log\.test\.ts/);
});

test("threats: secrets do not reach the log", () => {
  const lines = capture({ level: "info", format: "json" });
  createLogger("x").info("Connecting", {
    token: "s3cret",
    password: "s3cret",
    key: "s3cret",
    "tls-key": "s3cret",
    clientKey: "s3cret",
    Authorization: "s3cret",
    nested: { headers: { authorization: "s3cret", "X-Auth-Token": "s3cret" }, list: [{ apiToken: "s3cret" }] },
    map: new Map([["password", "s3cret"]]),
    url: "http://root:s3cret@127.0.0.1:2379/",
    header: "Bearer s3crets3cret",
    pem: "-----BEGIN EC PRIVATE KEY-----\ns3cret\n-----END EC PRIVATE KEY-----",
    error: new CiliumError("GET http://u:s3cret@h/ failed", { cause: new Error("Authorization: Basic s3cret+s3cret") }),
    bytes: Buffer.from("s3cret"),
  });
  assert.equal((lines[0] ?? "").includes("s3cret"), false, lines.join(""));
  assert.match(lines[0] ?? "", /"url":"http:\/\/root:\[redacted\]@127.0.0.1:2379\/"/);
});

test("threats: text that looks like secrets without end is written at once", () => {
  // Cubic work would not end within the test's time.
  for (const word of ["token.", "password-", "a.secret."]) {
    const text = word.repeat(20_000);
    assert.equal(redactText(text), text);
    assert.equal(redactText(`${text}=s3cret`), `${text}=[redacted]`);
  }
});

test("names that only look like secrets are written", () => {
  const lines = capture({ level: "info", format: "json" });
  createLogger("x").info("Node", { publicKey: "p", encryptKey: 0, keys: 3, monkey: "m", ruleCookie: 7 });
  const { publicKey, encryptKey, keys, monkey, ruleCookie } = JSON.parse(lines[0] ?? "");
  assert.deepEqual(
    { publicKey, encryptKey, keys, monkey, ruleCookie },
    { publicKey: "p", encryptKey: 0, keys: 3, monkey: "m", ruleCookie: 7 },
  );
});

test("threats: control characters in values do not reach a terminal or fake a line", () => {
  const lines = capture({ level: "info", format: "text" });
  createLogger("x").info("Flow", { pod: "a\u001b[2Jb\nlevel=error msg=fake", c1: "\u009b31m" });
  assert.equal(lines.length, 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.equal(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(lines[0] ?? ""), false);
  assert.equal((lines[0] ?? "").split("\n").length, 2);
});
