// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../core/index.ts";
import { AddressPool } from "./address-pool.ts";
import { IpamExhaustedError, IpamInUseError, IpamInvalidError } from "./errors.ts";

function poolOf(cidr: string, clock = new FakeClock()): AddressPool {
  return new AddressPool({ name: "default", cidr, clock, quarantineMs: 10_000 });
}

test("addresses come in turn, behind the router's", () => {
  const pool = poolOf("10.244.0.0/24");
  assert.equal(pool.router, "10.244.0.1");
  assert.deepEqual([pool.allocateNext("a"), pool.allocateNext("b")], ["10.244.0.2", "10.244.0.3"]);
  assert.equal(pool.ownerOf("10.244.0.3"), "b");
  assert.equal(pool.ownerOf("10.244.0.1"), "router");
});

test("the first and the last address are never handed out, in both families", () => {
  for (const [cidr, expected] of [
    ["10.0.0.0/29", "10.0.0.6"],
    ["fd00::/125", "fd00::6"],
  ] as const) {
    const pool = poolOf(cidr);
    const all = Array.from({ length: 5 }, (_, n) => pool.allocateNext(`o${n}`));
    assert.equal(all.at(-1), expected);
    assert.equal(new Set(all).size, 5);
    assert.throws(() => pool.allocateNext("x"), IpamExhaustedError);
  }
});

test("a released address comes back last of all, and not before its quarantine ends", () => {
  const clock = new FakeClock();
  const pool = poolOf("10.0.0.0/29", clock);
  const first = pool.allocateNext("a");
  assert.equal(pool.release(first), true);
  const others = ["b", "c", "d", "e"].map((owner) => pool.allocateNext(owner));
  assert.equal(others.includes(first), false);
  assert.throws(() => pool.allocateNext("f"), /1 released ones are free again from 10 s on/);
  clock.advance(9_999);
  assert.throws(() => pool.allocateNext("f"), IpamExhaustedError);
  clock.advance(1);
  assert.equal(pool.allocateNext("f"), first);
});

test("released addresses come back in the order of the turn, not of the release", () => {
  const clock = new FakeClock();
  const pool = poolOf("10.0.0.0/28", clock);
  const [a, b] = [pool.allocateNext("a"), pool.allocateNext("b")];
  pool.release(b);
  pool.release(a);
  clock.advance(60_000);
  const next = Array.from({ length: 11 }, (_, n) => pool.allocateNext(`o${n}`));
  assert.equal(next.includes(a) || next.includes(b), false);
  assert.deepEqual([pool.allocateNext("x"), pool.allocateNext("y")], [a, b]);
});

test("an address that nobody can have seen needs no quarantine", () => {
  const pool = poolOf("10.0.0.0/30");
  const only = pool.allocateNext("a");
  pool.release(only, { unused: true });
  assert.equal(pool.allocateNext("b"), only);
});

test("exhaustion names the pool, its size, who asked and what to do", () => {
  const pool = poolOf("10.0.0.0/30");
  pool.allocateNext("a");
  assert.throws(() => pool.allocateNext("default/web"), {
    name: "IpamExhaustedError",
    message:
      'Cannot allocate IPv4 address for "default/web": pool "default" 10.0.0.0/30 is exhausted, ' +
      "2 of 2 addresses are in use (delete pods of this node, or give the node a larger pod CIDR)",
  });
});

test("given addresses can be taken, except those in use, reserved or outside", () => {
  const pool = poolOf("fd00:10:244::/64");
  assert.equal(pool.allocate("fd00:10:244:0:0:0:0:0099", "a"), "fd00:10:244::99");
  assert.throws(
    () => pool.allocate("fd00:10:244::99", "b"),
    (error) => {
      assert.ok(error instanceof IpamInUseError);
      assert.equal(error.message, 'Cannot allocate address "fd00:10:244::99": in use by "a"');
      return true;
    },
  );
  assert.throws(() => pool.allocate("fd00:10:244::1", "b"), /in use by "router"/);
  assert.throws(() => pool.allocate("fd00:10:244::", "b"), /first and last address of fd00:10:244::\/64 are reserved/);
  assert.throws(() => pool.allocate("fd00:10:244::ffff:ffff:ffff:ffff", "b"), IpamInvalidError);
  assert.throws(() => pool.allocate("fd00:10:245::5", "b"), /outside of the pod CIDR fd00:10:244::\/64/);
  assert.throws(() => pool.allocate("10.0.0.5", "b"), /outside of the pod CIDR/);
  assert.throws(() => pool.allocate("nonsense", "b"), /not an IPv4 or IPv6 address/);
});

test("a restored address ends its quarantine, and the turn goes on behind it", () => {
  const pool = poolOf("10.0.0.0/24");
  const first = pool.allocateNext("a");
  pool.release(first);
  assert.equal(pool.allocate(first, "a"), first);
  pool.allocate("10.0.0.77", "b");
  assert.equal(pool.allocateNext("c"), "10.0.0.78");
});

test("release() is idempotent, and gives back nothing of another owner or the router", () => {
  const pool = poolOf("10.0.0.0/24");
  const ip = pool.allocateNext("a");
  assert.equal(pool.release(ip, { owner: "b" }), false);
  assert.equal(pool.ownerOf(ip), "a");
  assert.equal(pool.release(ip, { owner: "a" }), true);
  assert.equal(pool.release(ip, { owner: "a" }), false);
  assert.equal(pool.release("10.0.0.1"), false);
  assert.equal(pool.status().used, 1);
});

test("a huge pool costs no more than its addresses in use", () => {
  const pool = poolOf("fd00::/64");
  assert.equal(pool.capacity, 18446744073709551614n);
  for (let n = 0; n < 1000; n++) pool.release(pool.allocateNext("a"));
  assert.equal(pool.allocateNext("a"), "fd00::3ea");
  assert.deepEqual([pool.status().used, pool.status().quarantined], [2, 1000]);
});

test("a prefix without room for a pod is refused, with the size that is needed", () => {
  for (const cidr of ["10.0.0.0/31", "10.0.0.0/32"]) assert.throws(() => poolOf(cidr), /too small.*use \/30 or larger/);
  assert.throws(() => poolOf("fd00::/127"), /use \/126 or larger/);
  assert.equal(poolOf("10.0.0.0/30").allocateNext("a"), "10.0.0.2");
});

test("setting the machine's clock ends no quarantine early and lengthens none", () => {
  for (const jump of [3_600_000, -3_600_000]) {
    const clock = new FakeClock();
    const pool = poolOf("10.0.0.0/30", clock);
    const ip = pool.allocateNext("a");
    pool.release(ip);
    clock.jump(jump);
    assert.throws(() => pool.allocateNext("b"), /free again from 10 s on/);
    clock.advance(10_000);
    assert.equal(pool.allocateNext("b"), ip);
  }
});
