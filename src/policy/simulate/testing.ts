// SPDX-License-Identifier: Apache-2.0
// For tests: a small cluster, policies in few words, and answers as text.
import { simulateCase } from "./simulate.ts";
import type { CaseEndpoint, CaseFlow, CaseNode, PolicyCase, SideAnswer } from "./types.ts";

const clusterKey = "k8s:io.cilium.k8s.policy.cluster";

/** A pod `NAMESPACE/NAME` with `app=NAME` and more labels; ports are `name=80/TCP`. */
export function testPod(name: string, labels: readonly string[] = [], ports: readonly string[] = []): CaseEndpoint {
  const [namespace = "", app = ""] = name.split("/");
  return {
    name,
    ip: `10.244.0.${name.length}`,
    labels: [
      `k8s:app=${app}`,
      ...labels,
      `k8s:io.kubernetes.pod.namespace=${namespace}`,
      `k8s:io.cilium.k8s.namespace.labels.team=${namespace}`,
      `${clusterKey}=default`,
    ],
    ports: ports.map((text) => {
      const [, port = "", number = "", protocol = ""] = /^(.+)=([0-9]+)\/(.+)$/.exec(text) ?? [];
      return { name: port, port: Number(number), protocol };
    }),
  };
}

const pods: readonly CaseEndpoint[] = [
  testPod("default/web", [], ["http=80/TCP", "dns=53/UDP"]),
  testPod("default/api", ["k8s:tier=be"], ["http=8080/TCP"]),
  testPod("default/db", ["k8s:tier=be"]),
  testPod("prod/web", [], ["http=8000/TCP"]),
  {
    ...testPod("default/east"),
    labels: ["k8s:app=api", "k8s:io.kubernetes.pod.namespace=default", `${clusterKey}=east`],
  },
];
const nodes: readonly CaseNode[] = [
  { name: "host", ip: "192.168.0.1", local: true, labels: ["role=worker"] },
  { name: "node2", ip: "192.168.0.2", labels: ["role=worker"] },
  { name: "cp", ip: "192.168.0.3", labels: ["role=master"], kubeAPIServer: true },
];

/** A CiliumNetworkPolicy in `default`, for `app=web` unless the spec says otherwise. */
export function web(name: string, spec: object): object {
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name, namespace: "default" },
    spec: { endpointSelector: { matchLabels: { app: "web" } }, ...spec },
  };
}

/** A CiliumClusterwideNetworkPolicy. */
export function clusterwide(name: string, spec: object): object {
  return { apiVersion: "cilium.io/v2", kind: "CiliumClusterwideNetworkPolicy", metadata: { name }, spec };
}

/** One peer by `app`. */
export function app(name: string): object {
  return { matchLabels: { app: name } };
}

/** `toPorts` of texts such as `80/TCP`, `80-90/TCP` and `http/TCP`, with more fields of the item. */
export function ports(texts: readonly string[], more: object = {}): object {
  const items = texts.map((text) => {
    const [range = "", protocol = ""] = text.split("/");
    const [port, end] = /^[0-9]+-[0-9]+$/.test(range) ? range.split("-") : [range, undefined];
    return { port, protocol, ...(end === undefined ? {} : { endPort: Number(end) }) };
  });
  return { toPorts: [{ ports: items, ...more }] };
}

/** Answers flows such as `default/api > default/web TCP 80` in the small cluster, each as `EGRESS | INGRESS`. */
export function ask(manifests: readonly unknown[], flows: readonly string[], more: Partial<PolicyCase> = {}): string[] {
  const vector = { id: "test", manifests, endpoints: pods, nodes, flows: flows.map(parseFlow), ...more };
  const { rejected, flows: answers } = simulateCase(vector);
  const [first] = rejected;
  if (first !== undefined) throw new Error(first.message);
  return answers.map(({ egress, ingress }) => `${sideText(egress)} | ${sideText(ingress)}`);
}

function parseFlow(text: string): CaseFlow {
  const [, from = "", to = "", proto = "", number = ""] = /^(\S+) > (\S+) (\w+) ([0-9]+)$/.exec(text) ?? [];
  return { from, to, proto, port: Number(number) };
}

function sideText(side: SideAnswer | undefined): string {
  if (side === undefined) return "-";
  const { verdict, l7, auth } = side;
  const rules = l7?.rules?.map((rule) => JSON.stringify(rule)) ?? l7?.serverNames ?? ["all"];
  return [
    verdict,
    ...(l7 === undefined ? [] : [l7.parser, rules.join(",")]),
    ...(auth === undefined ? [] : [auth]),
  ].join(" ");
}
