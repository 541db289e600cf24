// SPDX-License-Identifier: Apache-2.0
// What surprises in Cilium's meaning of policies, statement by statement, each as verdicts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { schemaProblems } from "../schema/schema.ts";
import { app, ask, clusterwide, ports, testPod, web } from "./testing.ts";

/** `< default/api TCP 80` is ingress of default/web, `> …` its egress; a letter each: allow, deny, redirect, error. */
function verdicts(manifests: readonly unknown[], flows: string, more: object = {}): string {
  const texts = flows.split(", ").map((text) => {
    const [side = "", peer = "", ...rest] = text.split(" ");
    return side === "<" ? `${peer} > default/web ${rest.join(" ")}` : `default/web > ${peer} ${rest.join(" ")}`;
  });
  const answers = ask(manifests, texts, more);
  const sides = flows.split(", ").map((text) => (text.startsWith("<") ? 1 : 0));
  return answers.map((text, index) => text.split(" | ")[sides[index] ?? 0]?.[0] ?? "?").join("");
}

const networkPolicy = (spec: object) => ({
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "np" } },
  spec: { podSelector: { matchLabels: { app: "web" } }, ...spec },
});
const everywhere = { endpointSelector: { matchLabels: { app: "web", "k8s:io.kubernetes.pod.namespace": "default" } } };
const fromApi = { fromEndpoints: [app("api")] };
const http = (...rules: object[]) => ports(["80/TCP"], { rules: { http: rules } });
const dns = { toEndpoints: [app("db")], ...ports(["53/UDP"], { rules: { dns: [{ matchName: "a.test" }] } }) };

const statements: readonly (readonly [string, readonly unknown[], string, string, object?])[] = [
  ["one empty rule allows nothing", [web("p", { ingress: [{}] })], "< default/api TCP 80", "d"],
  [
    "… in a NetworkPolicy everything",
    [networkPolicy({ ingress: [{}] })],
    "< default/api TCP 80, < 8.8.8.8 UDP 1",
    "aa",
  ],
  [
    "an empty list of peers is nobody, a missing one beside ports anybody",
    [web("p", { ingress: [{ fromEndpoints: [], ...ports(["80/TCP"]) }, ports(["81/TCP"])] })],
    "< default/api TCP 80, < default/api TCP 81, < 8.8.8.8 TCP 81",
    "daa",
  ],
  [
    "a toPorts item without ports allows nothing",
    [web("p", { ingress: [{ ...fromApi, toPorts: [{}] }] })],
    "< default/api TCP 80, < default/api ICMP 8",
    "dd",
  ],
  [
    "… and denies nothing",
    [web("p", { ingress: [fromApi], ingressDeny: [{ ...fromApi, toPorts: [{ ports: [] }] }] })],
    "< default/api TCP 80",
    "a",
  ],
  [
    "enableDefaultDeny: true changes nothing in a direction without rules",
    [web("p", { enableDefaultDeny: { egress: true }, ingress: [fromApi] })],
    "> default/api TCP 80, < default/db TCP 80",
    "ad",
  ],
  [
    "a policy that only denies makes default deny",
    [web("p", { ingressDeny: [{ ...fromApi, ...ports(["80/TCP"]) }] })],
    "< default/api TCP 81, < default/db TCP 80, > default/db TCP 80",
    "dda",
  ],
  [
    "the local host reaches pods unless a deny matches",
    [web("p", { ingress: [fromApi], ingressDeny: [{ fromEntities: ["host"], ...ports(["22/TCP"]) }] })],
    "< host TCP 80, < host TCP 22, < node2 TCP 80",
    "add",
  ],
  [
    "with enforcement always it does not reach pods without an ingress rule",
    [web("p", { egress: [{}] })],
    "< host TCP 80",
    "d",
    { config: { enforcement: "always" } },
  ],
  ["… but those with one", [web("p", { ingress: [{}] })], "< host TCP 80", "a", { config: { enforcement: "always" } }],
  [
    "peers live in the policy's namespace",
    [web("p", { ingress: [{ fromEndpoints: [{}] }] })],
    "< prod/web TCP 80",
    "d",
  ],
  ...["io.kubernetes.pod.namespace", "k8s:io.kubernetes.pod.namespace", "k8s:io.cilium.k8s.namespace.labels.team"].map(
    (key) =>
      [
        `… unless ${key} says another`,
        [web("p", { ingress: [{ fromEndpoints: [{ matchLabels: { [key]: "prod" } }] }] })],
        "< prod/web TCP 80, < default/api TCP 80",
        "ad",
      ] as const,
  ),
  [
    "… and in the local cluster",
    [web("p", { ingress: [fromApi] })],
    "< default/east TCP 80, < default/api TCP 80",
    "da",
  ],
  [
    "peers of a clusterwide policy have a namespace",
    [clusterwide("p", { ...everywhere, ingress: [{ fromEndpoints: [{}] }] })],
    "< prod/web TCP 80, < default/api TCP 80, < 8.8.8.8 TCP 80, < node2 TCP 80",
    "aadd",
  ],
  [
    "… unless the subject asks for reserved:init",
    [
      clusterwide("p", {
        endpointSelector: { matchLabels: { "reserved:init": "" } },
        ingress: [{ fromEndpoints: [{}] }],
      }),
    ],
    "< 8.8.8.8 TCP 80, < node2 TCP 80",
    "aa",
    {
      config: { policyDefaultLocalCluster: false },
      endpoints: [{ ...testPod("default/web"), labels: ["reserved:init"] }],
    },
  ],
  [
    "a reserved key takes all scope away",
    [web("p", { ingress: [{ fromEndpoints: [{ matchLabels: { "reserved:remote-node": "" } }] }] })],
    "< node2 TCP 80, < default/api TCP 80",
    "ad",
  ],
  [
    "in the subject, k8s:…namespace is overwritten",
    [
      web("p", {
        endpointSelector: { matchLabels: { "k8s:io.kubernetes.pod.namespace": "prod" } },
        ingress: [fromApi],
      }),
    ],
    "< default/db TCP 80",
    "d",
  ],
  [
    "… and the bare key stays and selects nothing",
    [web("p", { endpointSelector: { matchLabels: { "io.kubernetes.pod.namespace": "prod" } }, ingress: [fromApi] })],
    "< default/db TCP 80",
    "a",
  ],
  [
    "in dual stack an address outside is of its family's world",
    [web("p", { ingress: [{ fromEntities: ["world-ipv4"] }] })],
    "< 8.8.8.8 TCP 80, < 2001:db8::1 TCP 80",
    "ad",
  ],
  [
    "in single stack world-ipv4 is nobody",
    [web("p", { ingress: [{ fromEntities: ["world-ipv4"] }] })],
    "< 8.8.8.8 TCP 80",
    "d",
    { config: { ipv6: false } },
  ],
  [
    "CIDR rules match no pods and nodes, not even to deny",
    [web("p", { ingress: [{ fromEntities: ["all"] }], ingressDeny: [{ fromCIDR: ["0.0.0.0/0"] }] })],
    "< default/api TCP 80, < node2 TCP 80, < 8.8.8.8 TCP 80",
    "aad",
  ],
  ...[{ toEntities: ["world"] }, { toEntities: ["cluster"] }, { toCIDR: ["172.20.0.0/24"] }].map(
    (peers) =>
      [
        `an outside kube-apiserver is in ${JSON.stringify(peers)}`,
        [web("p", { egress: [peers] })],
        "> 172.20.0.1 TCP 443",
        "a",
        { kubeAPIServer: ["172.20.0.1"] },
      ] as const,
  ),
  [
    "protocol ANY, or none, is TCP, UDP and SCTP, never ICMP",
    [web("p", { ingress: [ports(["80/ANY"]), { toPorts: [{ ports: [{ port: "81" }] }] }] })],
    "< default/api TCP 80, < default/api UDP 81, < default/api SCTP 81, < default/api ICMP 8",
    "aaad",
  ],
  ["only a rule without ports covers ICMP", [web("p", { ingress: [fromApi] })], "< default/api ICMP 8", "a"],
  [
    "ICMP type 0 is every type of its family",
    [web("p", { ingress: [{ icmps: [{ fields: [{ type: 0, family: "IPv4" }] }] }] })],
    "< default/api ICMP 8, < default/api ICMP 13, < default/api ICMPv6 128",
    "aad",
  ],
  [
    "an endPort below port is a single port, and 010 is 8",
    [
      web("p", {
        ingress: [{ toPorts: [{ ports: [{ port: "80", endPort: 70, protocol: "TCP" }, { port: "010" }] }] }],
      }),
    ],
    "< default/api TCP 80, < default/api TCP 75, < default/api TCP 8, < default/api TCP 10",
    "adad",
  ],
  [
    "named ports are the subject's for ingress, each destination's for egress",
    [web("p", { ingress: [ports(["http/TCP"])], egress: [{ toEndpoints: [{}], ...ports(["http/TCP"]) }] })],
    "< default/api TCP 80, < default/api TCP 8080, > default/api TCP 8080, > default/api TCP 80",
    "adad",
  ],
  [
    "a redirect beats a plain allow",
    [web("p", { ingress: [{ ...fromApi, ...http({ method: "GET" }) }, fromApi] })],
    "< default/api TCP 80, < default/api TCP 81",
    "ra",
  ],
  [
    "HTTP with DNS on one port is an error, in both directions",
    [web("p", { ingress: [fromApi], egress: [dns, { ...dns, ...ports(["53/TCP"], { rules: { http: [{}] } }) }] })],
    "< default/api TCP 80, > default/db UDP 53",
    "ar",
  ],
  [
    "… of one protocol",
    [
      web("p", {
        ingress: [fromApi],
        egress: [53, 53].map((port, n) => ({
          toEndpoints: [app("db")],
          ...ports([`${port}/TCP`], { rules: n === 0 ? { http: [{}] } : { dns: [{ matchPattern: "*" }] } }),
        })),
      }),
    ],
    "< default/api TCP 80, > default/db TCP 53, > default/api TCP 1",
    "eee",
  ],
  [
    "rules of a NetworkPolicy in a direction that policyTypes leaves out hold",
    [networkPolicy({ policyTypes: ["Ingress"], ingress: [{}], egress: [{ ports: [{ port: 80 }] }] })],
    "> default/api TCP 80, > default/api TCP 81",
    "ad",
  ],
];

for (const [statement, manifests, flows, expected, more] of statements) {
  test(statement, () => assert.equal(verdicts(manifests, flows, more), expected));
}

test("a plain HTTP allow lets every request pass; DNS is widened by a plain rule on exactly that port alone", () => {
  const answer = (rules: object, flow: string) => ask([web("p", rules)], [flow])[0];
  const plain = { ingress: [{ ...fromApi, ...http({ method: "GET" }) }, fromApi] };
  assert.equal(answer(plain, "default/api > default/web TCP 80"), "allow | redirect http all");
  const asked = "default/web > default/db UDP 53";
  const only = 'redirect dns {"matchName":"a.test"} | allow';
  for (const rule of [{ toEndpoints: [app("db")] }, { toEntities: ["all"] }, ports(["50-60/UDP"])]) {
    assert.equal(answer({ egress: [dns, rule] }, asked), only, JSON.stringify(rule));
  }
  assert.equal(answer({ egress: [dns, ports(["53/UDP"])] }, asked), "redirect dns all | allow");
});

test("the engine takes the entity world-ipv4 and a CIDR without a mask, which the schema refuses", () => {
  for (const ingress of [[{ fromEntities: ["world-ipv4"] }], [{ fromCIDR: ["8.8.8.8"] }]]) {
    const policy = web("p", { ingress });
    assert.equal(verdicts([policy], "< 8.8.8.8 TCP 80"), "a");
    assert.equal(schemaProblems(policy).length, 1);
  }
});
