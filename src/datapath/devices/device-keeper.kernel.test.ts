// SPDX-License-Identifier: Apache-2.0
// The node's tunnel devices on the real kernel.
import assert from "node:assert/strict";
import { test } from "node:test";
import "../../kernel/testing.ts";
import { probeFeature, Rtnetlink } from "../../kernel/index.ts";
import { ObjectStatus } from "../object-status.ts";
import { inPrivateNamespaces } from "../testing.ts";
import { ensureDevices } from "./device-keeper.ts";
import { deviceNames, type TunnelProtocol, tunnelProtocols } from "./names.ts";

if (inPrivateNamespaces(import.meta.filename)) for (const protocol of tunnelProtocols) tests(protocol);

function tests(tunnelProtocol: TunnelProtocol): void {
  const { available } = probeFeature(tunnelProtocol);
  test(`cilium_${tunnelProtocol} gets another port`, { skip: !available && "not in this kernel" }, () => {
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
