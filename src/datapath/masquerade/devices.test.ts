// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, Link } from "../../kernel/index.ts";
import type { Network } from "../devices/physical.ts";
import type { DatapathConfig } from "../types.ts";
import { chooseAddresses, type MasqueradeDevice, masqueradeCandidates } from "./devices.ts";

const config = { ipv4: true, ipv6: true } as const;

function link(ifindex: number, name: string, mac = "02:00:00:00:00:01"): Link {
  return { ifindex, name, mac, up: true } as Link;
}

function address(ifindex: number, ip: string, rest: Partial<Address> = {}): Address {
  const family = ip.includes(":") ? 6 : 4;
  const flags = { flags: 0, tentative: false, dadFailed: false } as const;
  return { ifindex, family, address: ip, prefixLength: 24, scope: "universe", ...flags, ...rest } as Address;
}

/** Of a node that gave nothing before. */
function masqueradeDevices(
  network: Pick<Network, "links" | "addresses">,
  outward: readonly string[],
  wanted: DatapathConfig["masquerade"],
): readonly MasqueradeDevice[] {
  return chooseAddresses(masqueradeCandidates(network, outward, wanted), []);
}

const links = [link(2, "eth0"), link(3, "eth1"), link(4, "wg0", "")];

test("masqueradeCandidates() and chooseAddresses() take the first lasting address of global scope of each family", () => {
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

test("masqueradeCandidates() and chooseAddresses() leave out families that are off, devices without address, and those without Ethernet", () => {
  const addresses = [address(2, "192.0.2.1"), address(3, "2001:db8::1"), address(4, "192.0.2.4")];
  const outward = ["eth0", "eth1", "wg0"];
  assert.deepEqual(masqueradeDevices({ links, addresses }, outward, { ipv4: true, ipv6: false }), [
    { name: "eth0", ifindex: 2, ipv4: "192.0.2.1" },
  ]);
  assert.deepEqual(masqueradeDevices({ links, addresses }, outward, undefined), []);
});

test("masqueradeCandidates() takes only the devices that are wanted", () => {
  const addresses = [address(2, "192.0.2.1"), address(3, "192.0.2.3")];
  const names = (devices: readonly string[]) =>
    masqueradeDevices({ links, addresses }, ["eth0", "eth1"], { ...config, devices }).map(({ name }) => name);
  assert.deepEqual(names(["eth1"]), ["eth1"]);
  assert.deepEqual(names(["eth+"]), ["eth0", "eth1"]);
  assert.deepEqual(names(["ens+"]), []);
});

test("chooseAddresses() keeps what a device gave before while it has it, whatever comes in front", () => {
  const choose = (ips: readonly string[], before: Omit<MasqueradeDevice, "name">) =>
    chooseAddresses(masqueradeCandidates({ links, addresses: ips.map((ip) => address(2, ip)) }, ["eth0"], config), [
      { ifindex: 3, ipv4: "192.0.2.3" },
      before,
    ]);
  const before = { ifindex: 2, ipv4: "192.0.2.1", ipv6: "2001:db8::1" } as const;
  const more = ["192.0.2.3", "192.0.2.1", "2001:db8::2", "2001:db8::1"];
  assert.deepEqual(choose(more, before), [{ name: "eth0", ...before }]);
  assert.deepEqual(choose(["192.0.2.3", "2001:db8::2"], before), [
    { name: "eth0", ifindex: 2, ipv4: "192.0.2.3", ipv6: "2001:db8::2" },
  ]);
  assert.deepEqual(choose(more, { ifindex: 2 }), [
    { name: "eth0", ifindex: 2, ipv4: "192.0.2.3", ipv6: "2001:db8::2" },
  ]);
});
