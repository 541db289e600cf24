// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEnforceable } from "./enforceable.ts";
import { parsePolicy } from "./parse/policy.ts";
import { cnp, tcp } from "./testing.ts";

const egress = (item: object) => cnp("p", { endpointSelector: {}, egress: [{}, item] });
const ports = (item: object) => egress({ toPorts: [{ ...tcp(80), ...item }] });

test("what a proxy has to do is refused with its section; the rest is enforced", () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [
      ports({ rules: { http: [] } }),
      /Section "egress\[1\]\.toPorts\[0\]" cannot be enforced: rules about requests \(http\)/,
    ],
    [ports({ serverNames: ["a.test"] }), /TLS server names come later/],
    [ports({ terminatingTLS: { secret: { name: "s" } } }), /: TLS come later/],
    [ports({ listener: { envoyConfig: { name: "e" }, name: "l" } }), /listeners come later/],
    [egress({ toFQDNs: [{ matchName: "a.test" }] }), /Section "egress\[1\]" .*peers by DNS name/],
    [egress({ toFQDNs: [], toPorts: [tcp(80)] }), /"egress\[1\]\.toFQDNs" is an empty list, which would be anybody/],
    [egress({ authentication: { mode: "required" } }), /egress\[1\]\.authentication" .*mutual authentication/],
  ];
  for (const [resource, message] of refused) {
    assert.throws(() => checkEnforceable(parsePolicy(resource), "p.yaml"), message);
    assert.throws(() => checkEnforceable(parsePolicy(resource), "p.yaml"), /^PolicyParseError|default\/p" \(p\.yaml\)/);
  }
  for (const item of [
    { toCIDR: ["10.0.0.0/8"] },
    { toEntities: ["all"] },
    { toFQDNs: [] },
    { authentication: { mode: "disabled" } },
  ]) {
    checkEnforceable(parsePolicy(egress(item)));
  }
  checkEnforceable(parsePolicy(cnp("p", { endpointSelector: {}, egressDeny: [{ toEntities: ["world"] }] })));
});
