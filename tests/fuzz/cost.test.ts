// SPDX-License-Identifier: Apache-2.0
// What readers of text cost on 100 kB that is made to be slow: none may grow faster than the text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEndpointId } from "../../src/api/index.ts";
import {
  checkKubernetesLabel,
  evaluateJsonpath,
  Labels,
  nearest,
  oneLine,
  parseCidr,
  parseDuration,
  parseIp,
  parseLabel,
  parseLabelFilter,
  parseMac,
  podLabels,
  redactText,
} from "../../src/core/index.ts";
import { parseManifests } from "../../src/kubernetes/index.ts";
import { parsePolicy } from "../../src/policy/index.ts";

const length = 100_000;
/** Pieces that are repeated; each also comes with an end that makes a match fail late. */
const pieces = [
  ...[
    "a",
    "A",
    "1",
    "0",
    ".",
    "-",
    "_",
    "/",
    ":",
    "=",
    ";",
    ",",
    "!",
    " ",
    "\n",
    "\\",
    '"',
    "'",
    "{",
    "[",
    "]",
    "}",
    "%",
  ],
  ...[
    "a.",
    "a-",
    "1.",
    "::",
    "a:",
    "a=",
    "a/",
    "://a:",
    "Bearer ",
    "bearer\t",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "a\\",
    "..",
  ],
  ...["1s", "1m", "1h1", "{.a}", "{range .a}", "[0]", "['a']", "(a+)+", "é", "\u{1f600}", "\ud800", "\u0000", "%ff"],
];
const ends = ["", "!", "a", "\u0000", "@"];

/** Milliseconds of CPU, of the fastest of a few tries: what else the machine does must not count. */
function milliseconds(action: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 3 && best > 100; n++) {
    const started = cpuTime();
    try {
      action();
    } catch (error) {
      // Refusing is fine; running out of stack is not.
      assert.ok(!(error instanceof RangeError), String(error));
    }
    best = Math.min(best, cpuTime() - started);
  }
  return best;
}

/** Milliseconds that this process has had. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const document = { items: [{ a: "b" }] };
const policy = (text: string, place: "name" | "key" | "value" | "field" | "port" | "version") => ({
  ...{ apiVersion: place === "version" ? text : "cilium.io/v2", kind: "CiliumNetworkPolicy" },
  metadata: { name: place === "name" ? text : "a" },
  spec: {
    endpointSelector: { matchLabels: { [place === "key" ? text : "app"]: place === "value" ? text : "x" } },
    ingress: [
      { toPorts: [{ ports: [{ port: place === "port" ? text : "80" }] }], [place === "field" ? text : "x"]: 1 },
    ],
  },
});

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  parseLabel,
  "Labels.parse": (text) => Labels.parse([text, `k8s:a=${text}`]),
  "Labels.fromCanonical": (text) => Labels.fromCanonical(text),
  "label key": (text) => checkKubernetesLabel(text, ""),
  "label value": (text) => checkKubernetesLabel("a", text),
  podLabels: (text) => podLabels({ namespace: "n", cluster: "c", labels: { a: text, [text]: "b" } }),
  "label filter's value": (text) => parseLabelFilter(text),
  parseIp,
  parseCidr: (text) => parseCidr(text),
  parseMac,
  parseDuration,
  parseEndpointId,
  nearest: (text) => nearest(text, ["enable-policy", "kvstore-opt"]),
  redactText,
  oneLine,
  jsonpath: (text) => evaluateJsonpath(text, document),
  "jsonpath in braces": (text) => evaluateJsonpath(`{${text}}`, document),
  "manifest's name": (text) =>
    parseManifests(JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: text } }), "x"),
  "policy's name": (text) => parsePolicy(policy(text, "name")),
  "policy's key": (text) => parsePolicy(policy(text, "key")),
  "policy's value": (text) => parsePolicy(policy(text, "value")),
  "policy's field": (text) => parsePolicy(policy(text, "field")),
  "policy's port": (text) => parsePolicy(policy(text, "port")),
  "policy's version": (text) => parsePolicy(policy(text, "version")),
};

for (const [name, read] of Object.entries(readers)) {
  test(`threats: ${name} takes 100 kB of anything in no time`, () => {
    for (const piece of pieces) {
      const text = piece.repeat(Math.ceil(length / piece.length));
      for (const end of ends) {
        const ms = milliseconds(() => read(text + end));
        assert.ok(ms < 2000, `${ms.toFixed(0)} ms for ${JSON.stringify(piece)}… and ${JSON.stringify(end)}`);
      }
    }
  });
}

test("threats: an operator's label pattern costs no more than the key is long", () => {
  const filter = parseLabelFilter("(a+)+$ k8s:(a|a)*b !(.*a){20} ([a-z]+\\.)+x");
  const started = cpuTime();
  for (const key of ["a".repeat(253), `${"a".repeat(250)}!`, "a.".repeat(120), "ab".repeat(120)]) {
    filter.relevant({ source: "k8s", key, value: "" });
  }
  assert.ok(cpuTime() - started < 5000);
  assert.equal(parseLabelFilter("app").relevant(parseLabel("k8s:app")), true);
  assert.throws(() => parseLabelFilter("k8s:(?<=a)b"), /Cannot parse label pattern/);
});
