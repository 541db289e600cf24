// SPDX-License-Identifier: Apache-2.0
// Events from bytes, as the programs write them.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as abi from "../../abi/index.ts";
import { ip16 } from "../../core/index.ts";
import { decodeEvent } from "./decode.ts";

const ARP = Uint8Array.from([
  ...[0x02, 0, 0, 0, 0, 0x0b, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x06],
  ...[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x0a, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2],
]);

function header(type: number, subtype: number): abi.EventHeader {
  return { type, subtype, source: 12, hash: 0xabc, lenOrig: 60, lenCap: ARP.length, version: 2, extVersion: 0 };
}

/** A record as the ring buffer holds it: room for the longest capture behind the body. */
function record(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + abi.EVENT_CAPTURE_LENGTH);
  bytes.set(body);
  bytes.set(ARP, body.length);
  return bytes;
}

const drop: abi.DropEvent = {
  header: header(abi.EventType.EVENT_DROP, 133),
  sourceIdentity: 4711,
  destinationIdentity: 2,
  destinationEndpoint: 34,
  line: 1234,
  file: 2,
  extError: -5,
  ifindex: 7,
  flags: abi.EventFlags.EVENT_F_IPV6,
  direction: 2,
  ipTraceId: 0n,
  cookie: 99,
  policySet: 5,
};

test("decodeEvent() reads a drop", () => {
  const event = decodeEvent(record(abi.encodeDropEvent(drop)));
  assert.ok(event.type === "drop");
  const { packet, captured, ...rest } = event;
  assert.deepEqual(rest, {
    type: "drop",
    source: 12,
    hash: 0xabc,
    originalLength: 60,
    summary: "02:00:00:00:00:0a -> 02:00:00:00:00:0b ARP",
    reason: 133,
    sourceIdentity: 4711,
    destinationIdentity: 2,
    destinationEndpoint: 34,
    line: 1234,
    file: 2,
    extError: -5,
    ifindex: 7,
    ipv6: true,
    l3Device: false,
    direction: "egress",
    ipTraceId: 0n,
    cookie: 99,
    policySet: 5,
  });
  assert.equal(packet.arp?.senderIp, "10.0.0.1");
  assert.deepEqual(captured, ARP);
});

test("decodeEvent() owns its bytes", () => {
  const bytes = record(abi.encodeDropEvent(drop));
  const event = decodeEvent(bytes);
  bytes.fill(0xff);
  assert.ok(event.type === "drop");
  assert.deepEqual(event.captured, ARP);
});

test("decodeEvent() reads a trace with its reason, tunnel and original address", () => {
  const row: abi.TraceEvent = {
    header: header(abi.EventType.EVENT_TRACE, 4),
    sourceIdentity: 1,
    destinationIdentity: 3,
    destinationEndpoint: 5,
    reason: 0x82,
    flags: abi.EventFlags.EVENT_F_IPV6 | abi.EventFlags.EVENT_F_GENEVE,
    ifindex: 9,
    originalAddress: ip16("fd00::9"),
    ipTraceId: 1n << 40n,
  };
  const event = decodeEvent(record(abi.encodeTraceEvent(row)));
  assert.ok(event.type === "trace");
  assert.deepEqual(
    [event.observationPoint, event.reason, event.encrypted, event.tunnel, event.originalAddress, event.ipTraceId],
    [4, 2, true, "geneve", "fd00::9", 1n << 40n],
  );
  const plain = decodeEvent(record(abi.encodeTraceEvent({ ...row, originalAddress: new Uint8Array(16), flags: 0 })));
  assert.ok(plain.type === "trace");
  assert.equal("originalAddress" in plain, false);
  assert.equal(plain.tunnel, "none");
});

test("decodeEvent() reads the flags and the action of a policy verdict", () => {
  const row: abi.PolicyVerdictEvent = {
    header: header(abi.EventType.EVENT_POLICY_VERDICT, 0),
    remoteIdentity: 77,
    verdict: -181,
    destinationPort: 8080,
    protocol: 6,
    flags: 2 | 4 | (3 << 3),
    authType: 1,
    cookie: 4,
    policySet: 6,
    staged: 0,
    stagedCookie: 0,
  };
  const read = (change: Partial<abi.PolicyVerdictEvent>) => {
    const event = decodeEvent(record(abi.encodePolicyVerdictEvent({ ...row, ...change })));
    assert.ok(event.type === "policy-verdict");
    return event;
  };
  const denied = read({});
  assert.deepEqual([denied.action, denied.direction, denied.ipv6, denied.match], ["deny", "egress", true, 3]);
  assert.deepEqual([denied.destinationPort, denied.cookie, denied.policySet], [8080, 4, 6]);
  assert.equal(read({ verdict: 0 }).action, "allow");
  assert.equal(read({ verdict: 10001 }).action, "redirect");
  assert.deepEqual(read({ flags: 0x41 }).action, "audit");
  assert.equal(read({ flags: 1 }).direction, "ingress");
  assert.equal("staged" in denied, false);
  const { STAGED_DEFAULT_DENY, STAGED_DENY } = abi.PolicyStaged;
  assert.deepEqual(read({ staged: STAGED_DENY, stagedCookie: 9 }).staged, { verdict: "deny", cookie: 9 });
  assert.deepEqual(read({ staged: STAGED_DEFAULT_DENY }).staged, { verdict: "default-deny", cookie: 0 });
});

test("decodeEvent() gives short and strange records back as unknown", () => {
  assert.equal(decodeEvent(new Uint8Array(0)).type, "unknown");
  assert.equal(decodeEvent(Uint8Array.from([200, 1, 2])).type, "unknown");
  const bytes = record(abi.encodeDropEvent(drop));
  for (let length = 0; length < abi.DROP_EVENT_SIZE; length++) {
    assert.equal(decodeEvent(bytes.subarray(0, length)).type, "unknown");
  }
});

test("decodeEvent() does not read behind the record, whatever len_cap says", () => {
  const lying = { ...drop, header: { ...drop.header, lenCap: 65535 } };
  const event = decodeEvent(abi.encodeDropEvent(lying));
  assert.ok(event.type === "drop");
  assert.equal(event.captured.length, 0);
  assert.equal(event.summary, "[unknown]");
});
