// SPDX-License-Identifier: Apache-2.0
// Each reason for a rejection, and which one wins where several mistakes meet: the order is Cilium's.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PolicyParseError, type PolicyRejection } from "../errors.ts";
import { cnp, tcp } from "../testing.ts";
import type { ParsePolicyOptions } from "./options.ts";
import { parsePolicy } from "./policy.ts";

type Json = Record<string, unknown>;
const spec = (rest: Json): Json => ({ endpointSelector: {}, ...rest });
const ingress = (...items: Json[]): Json => spec({ ingress: items });
const egress = (...items: Json[]): Json => spec({ egress: items });
const ports = (item: Json, list: Json[] = [{ port: "80", protocol: "TCP" }]): Json => ({
  toPorts: [{ ports: list, ...item }],
});
const dns = (item: Json, list: Json[]): Json => ports({ rules: { dns: [item] } }, list);
const http = (...rules: Json[]): Json => ports({ rules: { http: rules } });
const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
const host = (rest: Json): Json => ({ nodeSelector: {}, ...rest });
const dnsPort = [{ port: "53", protocol: "ANY" }];
const listener = { envoyConfig: { name: "e" }, name: "l" };

function ccnp(body: Json): Json {
  return { apiVersion: "cilium.io/v2", kind: "CiliumClusterwideNetworkPolicy", metadata: { name: "c" }, spec: body };
}

function reasonOf(resource: unknown, options: ParsePolicyOptions = {}): PolicyRejection | undefined {
  try {
    parsePolicy(resource, options);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof PolicyParseError, String(error));
    return error.reason;
  }
}

const cases: readonly (readonly [PolicyRejection, string, Json])[] = [
  ["no-rules", "no list", spec({})],
  ["no-rules", "empty lists", spec({ ingress: [], egressDeny: [] })],
  ["no-rules", "before the subject", { ingress: [] }],
  ["no-subject", "none", { ingress: [{}] }],
  ["two-subjects", "both", host({ endpointSelector: {}, ingress: [{}] })],
  ["node-selector-namespaced", "in a namespace", host({ ingress: [{}] })],
  ["bad-entity", "before the namespaced nodeSelector", host({ ingress: [{ fromEntities: ["x"] }] })],
  ["bad-selector", "subject", { endpointSelector: { matchLabels: { a: "b!" } }, ingress: [{}] }],
  ["bad-selector", "peer of a deny", spec({ egressDeny: [{ toEndpoints: [{ matchLabels: { a: "b!" } }] }] })],
  ["bad-selector", "long name", ingress({ fromEndpoints: [{ matchLabels: { ["a".repeat(64)]: "b" } }] })],
  [
    "bad-selector",
    "CIDR group",
    egress({ toCIDRSet: [{ cidr: "10.0.0.0/8", cidrGroupSelector: { matchLabels: { a: "!" } } }] }),
  ],
  ["peer-combination", "ingress", ingress({ fromEndpoints: [{}], fromCIDR: ["10.0.0.0/8"] })],
  ["peer-combination", "egress", egress({ toFQDNs: [{ matchName: "a" }], toEntities: ["world"] })],
  ["peer-combination", "before bad peers", egress({ toCIDR: ["x"], toEntities: ["x"] })],
  [
    "peer-combination",
    "services and prefixes",
    egress({ toServices: [{ k8sService: { serviceName: "s" } }], toCIDR: ["10.0.0.0/8"] }),
  ],
  ["nodes-disabled", "ingress", ingress({ fromNodes: [{}] })],
  ["nodes-disabled", "egress deny", spec({ egressDeny: [{ toNodes: [{}] }] })],
  ["cidr-source", "none", egress({ toCIDRSet: [{}] })],
  ["cidr-source", "two", egress({ toCIDRSet: [{ cidr: "10.0.0.0/8", cidrGroupRef: "g" }] })],
  ["bad-cidr", "text", ingress({ fromCIDR: ["ten"] })],
  ["bad-cidr", "length", ingress({ fromCIDR: ["10.0.0.0/33"] })],
  ["bad-cidr", "address in a set", ingress({ fromCIDRSet: [{ cidr: "10.0.0.1" }] })],
  ["bad-cidr", "exception", ingress({ fromCIDRSet: [{ cidr: "10.0.0.0/8", except: ["10.0.0.1"] }] })],
  ["except-outside", "beside", ingress({ fromCIDRSet: [{ cidr: "10.0.0.0/8", except: ["11.0.0.0/9"] }] })],
  ["except-outside", "around", ingress({ fromCIDRSet: [{ cidr: "11.0.0.0/8", except: ["10.0.0.0/7"] }] })],
  ["except-outside", "other family", ingress({ fromCIDRSet: [{ cidr: "::/0", except: ["10.0.0.0/8"] }] })],
  ["bad-entity", "unknown", ingress({ fromEntities: ["internet"] })],
  ["bad-entity", "case", egress({ toEntities: ["World"] })],
  ["bad-port", "out of range", ingress(ports({}, [{ port: "65536" }]))],
  ["bad-port", "missing", ingress(ports({}, [{ protocol: "TCP" }]))],
  ["bad-port", "before the protocol", ingress(ports({}, [{ port: "x y", protocol: "QUIC" }]))],
  ["bad-port", "protocol without ports", ingress(ports({}, [{ port: "80", protocol: "GRE" }]))],
  ["bad-protocol", "unknown", ingress(ports({}, [{ port: "80", protocol: "QUIC" }]))],
  ["bad-protocol", "ICMP", spec({ ingressDeny: [ports({}, [{ port: "8", protocol: "ICMP" }])] })],
  ["too-many-ports", "41", ingress({ toPorts: [tcp(...many(41, 1))] })],
  ["too-many-ports", "41 denied", spec({ ingressDeny: [{ toPorts: [tcp(...many(41, 1))] }] })],
  ["icmp-with-ports", "both", ingress({ ...ports({}), icmps: [{ fields: [{ type: 8 }] }] })],
  ["bad-icmp", "name of the other family", ingress({ icmps: [{ fields: [{ type: "PacketTooBig" }] }] })],
  ["bad-icmp", "name with a space", ingress({ icmps: [{ fields: [{ type: "Echo Reply" }] }] })],
  ["bad-icmp", "family", ingress({ icmps: [{ fields: [{ family: "IPv5", type: 8 }] }] })],
  ["bad-icmp", "negative", ingress({ icmps: [{ fields: [{ type: -1 }] }] })],
  ["bad-icmp", "before everything", ingress({ fromEntities: ["x"] }, { icmps: [{ fields: [{ type: "X" }] }] })],
  ["too-many-icmp", "41", ingress({ icmps: [{ fields: many(41, { type: 8 }) }] })],
  ["l7-not-tcp", "UDP", ingress(ports({ rules: { http: [{}] } }, [{ port: "80", protocol: "UDP" }]))],
  ["l7-not-tcp", "no protocol", ingress(ports({ rules: { http: [] } }, [{ port: "80" }]))],
  ["l7-not-tcp", "lower case", ingress(ports({ rules: { http: [] } }, [{ port: "80", protocol: "tcp" }]))],
  ["l7-port-zero", "HTTP", ingress(ports({ rules: { http: [{}] } }, [{ port: "0", protocol: "TCP" }]))],
  ["l7-port-zero", "DNS", egress(dns({ matchName: "a" }, [{ port: "0", protocol: "UDP" }]))],
  ["l7-mixed", "HTTP and DNS", egress(ports({ rules: { http: [{}], dns: [] } }))],
  ["dns-on-ingress", "DNS", ingress(dns({ matchName: "a" }, dnsPort))],
  ["dns-no-port", "none", egress(dns({ matchName: "a" }, []))],
  ["dns-port-range", "range", egress(dns({ matchName: "a" }, [{ port: "53", endPort: 54, protocol: "UDP" }]))],
  ["bad-dns-name", "rule", egress(dns({ matchName: "a b" }, dnsPort))],
  ["bad-dns-name", "peer", egress({ toFQDNs: [{ matchName: "*.a" }] })],
  ["bad-dns-name", "length", egress({ toFQDNs: [{ matchPattern: "a".repeat(256) }] })],
  ["fqdn-both", "peer", egress({ toFQDNs: [{ matchName: "a", matchPattern: "b" }] })],
  ["bad-regex", "path", ingress(http({ path: "(" }))],
  ["bad-regex", "method", ingress(http({ method: "[a" }))],
  ["bad-header", "name", ingress(http({ headerMatches: [{ name: "" }] }))],
  ["bad-header", "action", ingress(http({ headerMatches: [{ name: "a", mismatch: "DROP" }] }))],
  ["bad-header", "secret", ingress(http({ headerMatches: [{ name: "a", secret: { name: "" } }] }))],
  ["bad-server-name", "empty", ingress(ports({ serverNames: [""] }))],
  ["bad-server-name", "beside rules", ingress(ports({ serverNames: ["a"], rules: { http: [{}] } }))],
  ["listener-not-allowed", "ingress", ingress(ports({ listener }))],
  ["listener-not-allowed", "beside rules", egress(ports({ listener, rules: { http: [] } }))],
  ["not-supported", "groups", egress({ toGroups: [{}] })],
  ["not-supported", "requirements", ingress({ fromRequires: [{}] })],
  ["unknown-field", "requests in a deny", spec({ ingressDeny: [http({})] })],
  ["unknown-field", "names in a deny", spec({ egressDeny: [{ toFQDNs: [] }] })],
];

describe("a policy is refused with reason", () => {
  for (const [reason, title, body] of cases) {
    test(`${reason}: ${title}`, () => assert.equal(reasonOf(cnp("p", body)), reason));
  }

  const onHost: readonly (readonly [string, Json])[] = [
    ["HTTP in", { ingress: [http({})] }],
    ["an empty list in", { ingress: [http()] }],
    ["HTTP out", { egress: [http({})] }],
    ["DNS in, before the direction", { ingress: [dns({ matchName: "a" }, dnsPort)] }],
  ];
  for (const [title, body] of onHost) {
    test(`l7-on-host: ${title}`, () => assert.equal(reasonOf(ccnp(host(body))), "l7-on-host"));
  }

  test("of the first bad spec, and takes none of the others", () => {
    const bad = { ...cnp("p", ingress({})), specs: [ingress({}), ingress({ fromEntities: ["x"] }), {}] };
    assert.equal(reasonOf(bad), "bad-entity");
  });
});

describe("a policy is taken", () => {
  const good: readonly (readonly [string, Json])[] = [
    ["DNS rules for a host's egress", host({ egress: [dns({ matchName: "a" }, dnsPort)] })],
    [
      "services with ports",
      egress({ toServices: [{ k8sService: { serviceName: "s", namespace: "n" } }], ...ports({}) }),
    ],
    [
      "server names beside rules that end TLS",
      ingress(ports({ serverNames: ["a"], rules: { http: [] }, terminatingTLS: { secret: { name: "s" } } })),
    ],
    ["name and pattern in a DNS rule", egress(dns({ matchName: "a", matchPattern: "*" }, dnsPort))],
    ["rules without sections", ingress(ports({ rules: {} }, [{ port: "53", protocol: "UDP" }]))],
    ["an address in fromCIDR", ingress({ fromCIDR: ["10.0.0.1", "fd00::1"] })],
    ["the entity world-ipv4", ingress({ fromEntities: ["world-ipv4"] })],
    ["an empty requirement", ingress({ fromRequires: [] })],
    ["exceptions outside of a group", egress({ toCIDRSet: [{ cidrGroupRef: "g", except: ["10.0.0.0/8"] }] })],
    ["an empty list beside another peer", egress({ toCIDR: [], toEntities: ["world"] })],
    ["an unknown ICMP type number", ingress({ icmps: [{ fields: [{ type: 300 }] }] })],
    ["a source that nobody uses", ingress({ fromEndpoints: [{ matchLabels: { "K8S:a": "b" } }] })],
  ];
  for (const [title, body] of good) test(title, () => assert.equal(reasonOf(ccnp(body)), undefined));

  test("with fromNodes where nodes have labels", () => {
    assert.equal(reasonOf(cnp("p", ingress({ fromNodes: [{}] })), { nodeSelectorLabels: true }), undefined);
  });
});
