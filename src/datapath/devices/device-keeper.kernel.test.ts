// SPDX-License-Identifier: Apache-2.0
// The node's tunnel devices on the real kernel.
import assert from "node:assert/strict";
import { test } from "node:test";
import "../../kernel/testing.ts";
import { probeFeature, Rtnetlink } from "../../kernel/index.ts";
import { ObjectStatus } from "../object-status.ts";
import { inPrivateNamespaces } from "../testing.ts";
import { ensureDevices, takeTunnelPort } from "./device-keeper.ts";
import { deviceNames, type TunnelProtocol, tunnelProtocols } from "./names.ts";

if (inPrivateNamespaces(import.meta.filename)) {
  for (const protocol of tunnelProtocols) tests(protocol);
  takeOver();
}

function tests(tunnelProtocol: TunnelProtocol): void {
  const skip = !available(tunnelProtocol) && "not in this kernel";
  test(`cilium_${tunnelProtocol} gets another port`, { skip }, () => {
    using rtnl = new Rtnetlink();
    for (const tunnelPort of [6000, 6001]) {
      const status = new ObjectStatus(() => {});
      const { tunnel } = ensureDevices(rtnl, status, { routingMode: "tunnel", tunnelProtocol, tunnelPort }, 1500);
      const errors = status.rows().flatMap(({ error }) => error ?? []);
      assert.deepEqual(errors, []);
      assert.deepEqual([tunnel?.kind, tunnel?.externalTunnelPort], [tunnelProtocol, tunnelPort]);
    }
    // The other one gets the same ports.
    rtnl.deleteLink(deviceNames[tunnelProtocol]);
  });
}

function takeOver(): void {
  const missing = tunnelProtocols.filter((protocol) => !available(protocol));
  const skip = missing.length > 0 && `no ${missing.join()} in this kernel`;
  test("a tunnel takes the other one's port when it is told to, and leaves it until then", { skip }, () => {
    using rtnl = new Rtnetlink();
    const status = new ObjectStatus(() => {});
    const config = (tunnelProtocol: TunnelProtocol) =>
      ({ routingMode: "tunnel", tunnelProtocol, tunnelPort: 6000 }) as const;
    const up = () => tunnelProtocols.filter((protocol) => rtnl.link(deviceNames[protocol])?.up === true);
    ensureDevices(rtnl, status, config("vxlan"), 1500);
    for (const [before, after] of [
      ["vxlan", "geneve"],
      ["geneve", "vxlan"],
    ] as const) {
      for (let times = 0; times < 2; times++) ensureDevices(rtnl, status, config(after), 1500);
      assert.deepEqual(up(), [before]);
      takeTunnelPort(rtnl, config(after));
      assert.equal(rtnl.link(deviceNames[before]), undefined);
      ensureDevices(rtnl, status, config(after), 1500);
      assert.deepEqual(up(), [after]);
      takeTunnelPort(rtnl, config(after));
      assert.deepEqual(up(), [after]);
    }
    assert.deepEqual(
      status.rows().flatMap(({ error }) => error ?? []),
      [],
    );
  });
}

function available(protocol: TunnelProtocol): boolean {
  return probeFeature(protocol).available;
}
