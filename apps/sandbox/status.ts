// SPDX-License-Identifier: Apache-2.0
// How a sandbox is: etcd, agents by their own word, pods.
import { toError } from "../../src/core/index.ts";
import { agentClient, agentProcess } from "./agent.ts";
import { etcdProcess, etcdUrl } from "./etcd.ts";
import { podObject } from "./get/objects.ts";
import { loadPods } from "./store.ts";
import type { Sandbox, SandboxNode } from "./types.ts";

export interface NodeStatus {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly agent: { readonly pid?: number; readonly state: string; readonly message?: string };
  readonly pods: { readonly running: number; readonly total: number };
}

export interface SandboxStatus {
  readonly name: string;
  readonly healthy: boolean;
  readonly etcd: { readonly pid?: number; readonly state: "running" | "stopped"; readonly url: string };
  readonly nodes: readonly NodeStatus[];
}

export async function sandboxStatus(sandbox: Sandbox): Promise<SandboxStatus> {
  const etcd = etcdProcess(sandbox);
  const nodes = await Promise.all(sandbox.nodes.map((node) => nodeStatus(sandbox, node)));
  return {
    name: sandbox.name,
    healthy:
      etcd !== undefined && nodes.every((node) => node.agent.state === "Ok" && node.pods.running === node.pods.total),
    etcd: { ...(etcd && { pid: etcd.pid }), state: etcd === undefined ? "stopped" : "running", url: etcdUrl(sandbox) },
    nodes,
  };
}

async function nodeStatus(sandbox: Sandbox, node: SandboxNode): Promise<NodeStatus> {
  const phases = loadPods(sandbox)
    .filter((pod) => pod.node === node.name)
    .map((pod) => (podObject(sandbox, pod).status as { phase: string }).phase);
  const running = phases.filter((phase) => phase === "Running" || phase === "Succeeded").length;
  return {
    name: node.name,
    addresses: [node.ipv4, node.ipv6].filter((ip) => ip !== undefined),
    agent: await agentStatus(sandbox, node),
    pods: { running, total: phases.length },
  };
}

async function agentStatus(sandbox: Sandbox, node: SandboxNode): Promise<NodeStatus["agent"]> {
  const process = agentProcess(sandbox, node);
  if (process === undefined) return { state: "stopped" };
  try {
    const { cilium } = await agentClient(sandbox, node).healthz({ brief: true, timeout: 5000 });
    return { pid: process.pid, state: cilium.state, ...(cilium.msg !== undefined && { message: cilium.msg }) };
  } catch (thrown) {
    return { pid: process.pid, state: "Failure", message: toError(thrown).message };
  }
}
