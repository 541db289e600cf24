// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../core/index.ts";
import { IpamExhaustedError, IpamInvalidError } from "./errors.ts";
import { Ipam, type IpamOptions } from "./ipam.ts";
import { formatIpamStatus } from "./status.ts";

function ipamOf(options: Partial<IpamOptions> = {}): { ipam: Ipam; clock: FakeClock } {
  const clock = new FakeClock();
  let ids = 0;
  const uuid = () => `uuid-${++ids}`;
  return {
    clock,
    ipam: new Ipam({ ipv4Cidr: "10.244.0.0/24", ipv6Cidr: "fd00:10:244::/112", clock, uuid, ...options }),
  };
}

test("an allocation has one address in each family that is on", () => {
  const { ipam } = ipamOf();
  const pair = ipam.allocate("default/web");
  assert.deepEqual(pair.ipv4, { ip: "10.244.0.2", family: 4, pool: "default", owner: "default/web" });
  assert.equal(pair.ipv6?.ip, "fd00:10:244::2");
  assert.deepEqual(Object.keys(ipam.allocate("default/api", "ipv6")), ["ipv6"]);
  const single = new Ipam({ ipv4Cidr: "10.0.0.0/24", clock: new FakeClock() });
  assert.deepEqual(Object.keys(single.allocate("a")), ["ipv4"]);
  assert.equal(single.router(6), undefined);
  assert.equal(single.router(4), "10.0.0.1");
  assert.throws(() => single.allocate("a", "ipv6"), /IPv6 is off on this node/);
  assert.throws(() => new Ipam({ clock: new FakeClock() }).allocate("a"), IpamInvalidError);
  assert.throws(() => new Ipam({ ipv4Cidr: "fd00::/64", clock: new FakeClock() }), /IPv4 expected/);
});

test("when one family is exhausted the other is given back at once", () => {
  const { ipam } = ipamOf({ ipv6Cidr: "fd00::/126" });
  ipam.allocate("a");
  for (let n = 0; n < 300; n++) assert.throws(() => ipam.allocate("b"), IpamExhaustedError);
  assert.deepEqual(
    ipam.status().map(({ used, quarantined }) => [used, quarantined]),
    [
      [2, 0],
      [2, 0],
    ],
  );
});

test("release() is idempotent by owner; releaseOwner() gives back all", () => {
  const { ipam } = ipamOf();
  const { ipv4 } = ipam.allocate("a");
  assert.ok(ipv4);
  assert.equal(ipam.release(ipv4.ip, "b"), false);
  assert.equal(ipam.get(ipv4.ip)?.owner, "a");
  assert.deepEqual(ipam.releaseOwner("a"), ["10.244.0.2", "fd00:10:244::2"]);
  assert.deepEqual(ipam.releaseOwner("a"), []);
  assert.equal(ipam.release(ipv4.ip), false);
  assert.equal(ipam.release("nonsense"), false);
  assert.deepEqual(ipam.list(), []);
});

test("restore() takes the endpoint's own address again, once or twice", () => {
  const { ipam } = ipamOf();
  assert.equal(ipam.restore("10.244.0.9", "default/web").ip, "10.244.0.9");
  assert.equal(ipam.restore("10.244.0.9", "default/web").ip, "10.244.0.9");
  assert.throws(() => ipam.restore("10.244.0.9", "default/api"), /in use by "default\/web"/);
  assert.equal(ipam.allocateIp("fd00:10:244:0::9", "default/web").ip, "fd00:10:244::9");
  assert.throws(() => ipam.allocateIp("10.0.0.1", "x"), /outside of the pod CIDR/);
  assert.throws(() => ipam.allocateIp("10.0.0", "x"), /not an IPv4 or IPv6 address/);
  assert.equal(ipam.list().length, 2);
});

test("an allocation with expiration goes back by itself", () => {
  const { ipam, clock } = ipamOf({ expirationMs: 60_000 });
  const pair = ipam.allocate("a", "all", { expiration: true });
  assert.deepEqual([pair.ipv4?.expirationUuid, pair.ipv6?.expirationUuid], ["uuid-1", "uuid-2"]);
  clock.advance(59_999);
  assert.equal(ipam.list().length, 2);
  clock.advance(1);
  assert.deepEqual(ipam.list(), []);
  assert.throws(() => ipam.stopExpiration("10.244.0.2", "uuid-1"), /its allocation may have expired/);
});

test("an endpoint that claims its address keeps it", () => {
  const { ipam, clock } = ipamOf({ expirationMs: 60_000 });
  ipam.allocate("a", "ipv4", { expiration: true });
  assert.throws(() => ipam.stopExpiration("10.244.0.2", "other"), /"other" is not that of its allocation/);
  ipam.stopExpiration("10.244.0.2", "uuid-1");
  assert.throws(() => ipam.stopExpiration("10.244.0.2", "uuid-1"), IpamInvalidError);
  clock.advance(120_000);
  assert.deepEqual(ipam.get("10.244.0.2"), { ip: "10.244.0.2", family: 4, pool: "default", owner: "a" });
});

test("an expiration never takes the address from a later owner", () => {
  const { ipam, clock } = ipamOf({ expirationMs: 60_000, ipv4Cidr: "10.0.0.0/30" });
  ipam.allocate("a", "ipv4", { expiration: true });
  ipam.release("10.0.0.2");
  clock.advance(20_000);
  ipam.allocate("b", "ipv4");
  clock.advance(60_000);
  assert.equal(ipam.get("10.0.0.2")?.owner, "b");
});

test("owners that stand for the node itself are refused", () => {
  const { ipam } = ipamOf();
  for (const owner of ["", "router"]) assert.throws(() => ipam.allocate(owner), IpamInvalidError);
});

test("the status line counts the router", () => {
  const { ipam } = ipamOf();
  for (const owner of ["a", "b", "c", "d"]) ipam.allocate(owner);
  assert.equal(
    formatIpamStatus(ipam.status()),
    "IPv4: 5/254 allocated from 10.244.0.0/24, IPv6: 5/65534 allocated from fd00:10:244::/112",
  );
});
