// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, Link } from "../../kernel/index.ts";
import { masqueradeDevices } from "./devices.ts";

const config = { ipv4: true, ipv6: true } as const;

function link(ifindex: number, name: string, mac = "02:00:00:00:00:01"): Link {
  return { ifindex, name, mac, up: true } as Link;
}

function address(ifindex: number, ip: string, rest: Partial<Address> = {}): Address {
  const family = ip.includes(":") ? 6 : 4;
  const flags = { flags: 0, tentative: false, dadFailed: false } as const;
  return { ifindex, family, address: ip, prefixLength: 24, scope: "universe", ...flags, ...rest } as Address;
}

const links = [link(2, "eth0"), link(3, "eth1"), link(4, "wg0", "")];

test("masqueradeDevices() takes the first lasting address of global scope of each family", () => {
  const addresses = [
    address(2, "169.254.1.1", { scope: "link" }),
    address(2, "192.0.2.1"),
    address(2, "192.0.2.2"),
    address(2, "fe80::1", { scope: "link" }),
    address(2, "2001:db8::dead", { flags: 0x01 }),
    address(2, "2001:db8::old", { flags: 0x20 }),
    address(2, "2001:db8::new", { tentative: true }),
    address(2, "2001:db8::1"),
  ];
  assert.deepEqual(masqueradeDevices({ links, addresses }, ["eth0"], config), [
    { name: "eth0", ifindex: 2, ipv4: "192.0.2.1", ipv6: "2001:db8::1" },
  ]);
});

test("masqueradeDevices() leaves out families that are off, devices without address, and those without Ethernet", () => {
  const addresses = [address(2, "192.0.2.1"), address(3, "2001:db8::1"), address(4, "192.0.2.4")];
  const outward = ["eth0", "eth1", "wg0"];
  assert.deepEqual(masqueradeDevices({ links, addresses }, outward, { ipv4: true, ipv6: false }), [
    { name: "eth0", ifindex: 2, ipv4: "192.0.2.1" },
  ]);
  assert.deepEqual(masqueradeDevices({ links, addresses }, outward, undefined), []);
});

test("masqueradeDevices() takes only the devices that are wanted", () => {
  const addresses = [address(2, "192.0.2.1"), address(3, "192.0.2.3")];
  const names = (devices: readonly string[]) =>
    masqueradeDevices({ links, addresses }, ["eth0", "eth1"], { ...config, devices }).map(({ name }) => name);
  assert.deepEqual(names(["eth1"]), ["eth1"]);
  assert.deepEqual(names(["eth+"]), ["eth0", "eth1"]);
  assert.deepEqual(names(["ens+"]), []);
});
