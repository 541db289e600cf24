// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyWidth } from "../../abi/index.ts";
import {
  checkPeer,
  decodePeer,
  decodePort,
  encodePeer,
  encodePeerKey,
  encodePort,
  encodePortKey,
  widthsOf,
} from "./policy-codec.ts";
import type { PolicyMapPort } from "./types.ts";

const base: PolicyMapPort = {
  protocol: 6,
  port: 80,
  portPrefix: 16,
  verdict: "allow",
  cookie: 3,
  proxyPort: 0,
  authType: 0,
};

test("entries of a list come back as they were written", () => {
  const entries: PolicyMapPort[] = [
    base,
    { ...base, verdict: "deny", proxyPort: 15001, authType: 2 },
    { ...base, port: 0x1f40, portPrefix: 13, verdict: "audit", anybody: true },
    { ...base, port: 0, portPrefix: 0 },
    { ...base, protocol: 0, port: 0, portPrefix: 0 },
    { ...base, protocol: 1, port: 0, portPrefix: 16 },
    { ...base, verdict: "deny", isDefault: true, staged: { verdict: "allow", cookie: 16 } },
    { ...base, staged: { verdict: "deny", cookie: 17 } },
    { ...base, staged: { verdict: "default-deny", cookie: 0 } },
  ];
  for (const entry of entries) {
    assert.deepEqual(decodePort(encodePortKey(7, entry), encodePort(entry)), { ports: 7, entry });
  }
});

test("a peer comes back as it was written", () => {
  for (const peer of [
    { set: 3, identity: 4711, ports: 9, direction: "egress" },
    { set: 2 ** 32 - 1, identity: 2 ** 32 - 1, ports: 2 ** 24 - 1, direction: "ingress" },
  ] as const) {
    const value = encodePeer({ ...peer, widths: PolicyWidth.POLICY_WIDTH_ANY_PROTOCOL });
    assert.deepEqual(decodePeer(encodePeerKey(peer.set, peer.identity), value), peer);
  }
});

test("widthsOf() tells the programs which entries to ask for", () => {
  const ofPrefix = (portPrefix: number) => widthsOf([{ ...base, portPrefix }]);
  assert.equal(ofPrefix(16), PolicyWidth.POLICY_WIDTH_ONE_PORT);
  assert.equal(ofPrefix(0), PolicyWidth.POLICY_WIDTH_ANY_PORT);
  assert.equal(ofPrefix(1) | ofPrefix(15), 0x8002);
  const wide = { ...base, protocol: 0, port: 0, portPrefix: 0 };
  assert.equal(widthsOf([wide, base]), PolicyWidth.POLICY_WIDTH_ANY_PROTOCOL | PolicyWidth.POLICY_WIDTH_ONE_PORT);
});

test("encodePortKey() clears port bits behind the prefix", () => {
  const { entry } = decodePort(encodePortKey(1, { ...base, port: 8005, portPrefix: 13 }), encodePort(base));
  assert.equal(entry.port, 8000);
});

test("what the maps cannot hold is named", () => {
  assert.throws(() => checkPeer(0, 1), { message: /set 0 is not 1 to/ });
  assert.throws(() => checkPeer(1, -1), { message: /identity -1/ });
  assert.throws(() => encodePortKey(1, { ...base, port: 70000 }), { message: /port 70000 is not 0 to 65535/ });
  assert.throws(() => encodePortKey(1, { ...base, protocol: 0 }), { message: /a port needs a protocol/ });
});
