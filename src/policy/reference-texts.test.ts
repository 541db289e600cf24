// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifests } from "../kubernetes/index.ts";
import { parseCidrGroup } from "./parse/cidr-group.ts";
import { formatReferences, parseReferences } from "./reference-texts.ts";
import { servicePeers } from "./services.ts";

const manifests = `
{apiVersion: cilium.io/v2, kind: CiliumCIDRGroup, metadata: {name: g, labels: {a: b}}, spec: {externalCIDRs: [10.0.0.0/8, "fd00::/64"]}}
---
{apiVersion: v1, kind: Service, metadata: {name: pods, namespace: n, labels: {c: d}}, spec: {selector: {app: db, tier: ""}}}
---
{apiVersion: v1, kind: Service, metadata: {name: outside, namespace: n}, spec: {}}
---
{apiVersion: v1, kind: Endpoints, metadata: {name: outside, namespace: n}, subsets: [{addresses: [{ip: 192.0.2.1}, {ip: "fd00::1"}]}]}
`;

test("groups and services are the same after their way through JSON", () => {
  const [group, pods, outside, endpoints] = parseManifests(manifests, "test.yaml");
  assert.ok(group !== undefined && pods !== undefined && outside !== undefined && endpoints !== undefined);
  const references = {
    cidrGroups: [parseCidrGroup(group.object)],
    services: [servicePeers(pods, [], "east"), servicePeers(outside, [endpoints], "east")],
  };
  const texts = formatReferences(references);
  assert.deepEqual(texts.services[1]?.backends, [{ cidr: "192.0.2.1/32" }, { cidr: "fd00::1/128" }]);
  assert.deepEqual(parseReferences(JSON.parse(JSON.stringify(texts))), references);
});
