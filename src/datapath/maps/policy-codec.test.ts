// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeExact, decodePrefix, encodeKey, encodeValue, isExact, setOfKey } from "./policy-codec.ts";
import type { PolicyMapEntry } from "./types.ts";

const base: PolicyMapEntry = {
  identity: 4711,
  direction: "ingress",
  protocol: 6,
  port: 80,
  portPrefix: 16,
  verdict: "allow",
  cookie: 3,
  proxyPort: 0,
  authType: 0,
};

test("policy entries come back as they were written", () => {
  const entries: PolicyMapEntry[] = [
    base,
    { ...base, direction: "egress", verdict: "deny", proxyPort: 15001, authType: 2 },
    { ...base, identity: 0, port: 0x1f40, portPrefix: 13, verdict: "audit" },
    { ...base, port: 0, portPrefix: 0 },
    { ...base, protocol: 0, port: 0, portPrefix: 0 },
    { ...base, protocol: 1, port: 0, portPrefix: 16 },
    { ...base, verdict: "deny", isDefault: true, staged: { verdict: "allow", cookie: 16 } },
    { ...base, staged: { verdict: "deny", cookie: 17 } },
    { ...base, staged: { verdict: "default-deny", cookie: 0 } },
  ];
  for (const entry of entries) {
    const key = encodeKey(7, entry);
    const decode = isExact(entry) ? decodeExact : decodePrefix;
    assert.deepEqual(decode(key, encodeValue(entry)), { ...entry, set: 7 });
    assert.equal(setOfKey(key), 7);
  }
});

test("encodeKey() counts 72 bits before the protocol, as the programs do", () => {
  const prefixlen = (entry: PolicyMapEntry) => new DataView(encodeKey(1, entry).buffer).getUint32(0, true);
  assert.equal(prefixlen({ ...base, protocol: 0, portPrefix: 0 }), 72);
  assert.equal(prefixlen({ ...base, portPrefix: 0 }), 80);
  assert.equal(prefixlen({ ...base, portPrefix: 13 }), 93);
});

test("encodeKey() clears port bits behind the prefix", () => {
  const row = decodePrefix(encodeKey(1, { ...base, port: 8005, portPrefix: 13 }), encodeValue(base));
  assert.equal(row.port, 8000);
});

test("encodeKey() names what the maps cannot hold", () => {
  assert.throws(() => encodeKey(0, base), { message: /the set is 1 to/ });
  assert.throws(() => encodeKey(1, { ...base, port: 70000 }), { message: /port 70000 is not 0 to 65535/ });
  assert.throws(() => encodeKey(1, { ...base, protocol: 0 }), { message: /a port needs a protocol/ });
  assert.throws(() => encodeKey(1, { ...base, identity: -1 }), { message: /identity -1/ });
});
