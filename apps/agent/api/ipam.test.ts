// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../src/api/index.ts";
import { setUp } from "./testing.ts";

const status = (code: number, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, code, error.message);
  assert.match(error.message, message);
  return true;
};

test("POST /ipam gives an address of each family, with gateway and expiration id", async (t) => {
  const { api, ipam } = await setUp(t);
  const lent = await api.ipamAllocate({ pool: "default", owner: "default/a", expiration: true });
  assert.equal(lent.ipv4?.ip, lent.address.ipv4);
  assert.equal(lent.ipv4?.gateway, ipam.router(4));
  assert.equal(lent.ipv6?.gateway, ipam.router(6));
  assert.match(lent.ipv4?.["expiration-uuid"] ?? "", /^[0-9a-f-]{36}$/);
  const elsewhere = { pool: "elsewhere", owner: "default/b", expiration: false };
  assert.throws(
    () => api.ipamAllocate(elsewhere),
    status(400, /pool "elsewhere": there is none of that name \(only "default"\)/),
  );
  const single = await api.ipamAllocate({ pool: "default", family: "ipv6", owner: "default/b", expiration: false });
  assert.equal(single.ipv4, undefined);
  assert.equal(single.ipv6?.["expiration-uuid"], undefined);
});

test("an exhausted pool is 502, and takes no address of the other family", async (t) => {
  const { api, ipam } = await setUp(t);
  const one = (owner: string) => async () => await api.ipamAllocate({ pool: "default", owner, expiration: false });
  for (let n = 0; n < 5; n++) await one(`default/p${n}`)();
  ipam.release(ipam.list().find(({ family }) => family === 6)?.ip ?? "");
  await assert.rejects(one("default/late"), status(502, /10\.1\.0\.0\/29/));
  assert.equal(ipam.list().length, 9);
});

test("POST /ipam/ADDRESS and DELETE /ipam/ADDRESS answer what is wrong with an address", async (t) => {
  const { api } = await setUp(t);
  await api.ipamAllocateAddress("10.1.0.4", "default/a", "");
  const take =
    (address: string, owner = "default/b") =>
    async () =>
      await api.ipamAllocateAddress(address, owner, "");
  await assert.rejects(take("10.1.0.4"), status(409, /"10\.1\.0\.4": in use by "default\/a"/));
  await assert.rejects(take("10.9.0.1"), status(400, /outside of the pod CIDR/));
  await assert.rejects(take("nonsense"), status(400, /not an IPv4 or IPv6 address/));
  await assert.rejects(take("10.1.0.5", "router"), status(400, /owner "router" is not allowed/));
  await api.ipamRelease("10.1.0.4", "");
  assert.throws(() => api.ipamRelease("10.1.0.4", ""), status(404, /it is not allocated/));
});
