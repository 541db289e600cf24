// SPDX-License-Identifier: Apache-2.0
// Objects as `get` shows them: what was applied, with the status of what is there.
import type { ResourceRow } from "../../../src/kubernetes/index.ts";
import { agentProcess } from "../agent.ts";
import type { DeploymentObject } from "../manifests/shapes.ts";
import { nodeLoads } from "../nodes.ts";
import { containerStates } from "../pods/container.ts";
import { labelsOf } from "../pods/desired.ts";
import type { PodRecord, Sandbox, SandboxNode } from "../types.ts";

export type KubernetesObject = Readonly<Record<string, unknown>>;

/** A pod with its status, as the Kubernetes API has it. */
export function podObject(sandbox: Sandbox, pod: PodRecord): KubernetesObject {
  const states = containerStates(sandbox, pod);
  const phase = podPhase(pod, states);
  const ready = phase === "Running" && states.every((container) => container.ready);
  const node = sandbox.nodes.find((candidate) => candidate.name === pod.node);
  const hostIps = [node?.ipv4, node?.ipv6].filter((ip) => ip !== undefined);
  const condition = (type: string, status: boolean) => ({ type, status: status ? "True" : "False" });
  const object = pod.object as { metadata: object; spec: object };
  const owner = pod.owner && {
    ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: pod.owner, controller: true }],
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...object.metadata,
      name: pod.name,
      namespace: pod.namespace,
      uid: pod.uid,
      creationTimestamp: pod.createdAt,
      ...owner,
    },
    spec: object.spec,
    status: {
      phase,
      ...(pod.failure !== undefined && { reason: "CreateContainerError", message: pod.failure }),
      conditions: [
        condition("PodScheduled", true),
        condition("Initialized", true),
        condition("ContainersReady", ready),
        condition("Ready", ready),
      ],
      ...(hostIps[0] !== undefined && { hostIP: hostIps[0], hostIPs: hostIps.map((ip) => ({ ip })) }),
      ...(pod.ips[0] !== undefined && { podIP: pod.ips[0], podIPs: pod.ips.map((ip) => ({ ip })) }),
      startTime: pod.createdAt,
      containerStatuses: states.map((container) => ({
        name: container.name,
        ready: container.ready,
        restartCount: container.restarts,
        state: containerState(container),
      })),
    },
  };
}

type State = ReturnType<typeof containerStates>[number];

function podPhase(pod: PodRecord, states: readonly State[]): "Pending" | "Running" | "Succeeded" | "Failed" {
  if (pod.failure !== undefined || pod.pause === undefined) return "Pending";
  if (states.some((container) => container.state === "running")) return "Running";
  const policy = (pod.object.spec as { restartPolicy?: string }).restartPolicy ?? "Always";
  if (policy === "Always") return states.every((container) => container.state === "waiting") ? "Pending" : "Running";
  if (states.some((container) => container.state === "waiting")) return "Pending";
  return states.every((container) => container.exitCode === 0) ? "Succeeded" : "Failed";
}

function containerState({ state, exitCode }: State): object {
  if (state === "running") return { running: {} };
  if (state === "waiting") return { waiting: { reason: "ContainerCreating" } };
  return { terminated: { exitCode: exitCode ?? 137, reason: exitCode === 0 ? "Completed" : "Error" } };
}

/** A Deployment with how many of its pods are ready. */
export function deploymentObject(sandbox: Sandbox, row: ResourceRow, pods: readonly PodRecord[]): KubernetesObject {
  const own = pods.filter((pod) => pod.namespace === row.namespace && pod.owner === row.name);
  const ready = own.filter((pod) => containerStates(sandbox, pod).every((container) => container.ready)).length;
  const replicas = (row.object as unknown as DeploymentObject).spec.replicas ?? 1;
  return {
    ...row.object,
    status: {
      replicas: own.length,
      readyReplicas: ready,
      availableReplicas: ready,
      unavailableReplicas: Math.max(0, replicas - ready),
    },
  };
}

/** A node with its addresses; ready while its agent runs. */
export function nodeObject(sandbox: Sandbox, node: SandboxNode, objects: readonly ResourceRow[]): KubernetesObject {
  const labels = nodeLoads(sandbox, objects).find((load) => load.name === node.name)?.labels;
  const ips = [node.ipv4, node.ipv6].filter((ip) => ip !== undefined);
  const cidrs = [node.ipv4PodCidr, node.ipv6PodCidr].filter((cidr) => cidr !== undefined);
  const ready = agentProcess(sandbox, node) === undefined ? "False" : "True";
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: node.name, labels, creationTimestamp: sandbox.createdAt },
    spec: { podCIDR: cidrs[0], podCIDRs: cidrs },
    status: {
      addresses: [...ips.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: node.name }],
      conditions: [{ type: "Ready", status: ready, reason: ready === "True" ? "AgentRuns" : "AgentStopped" }],
    },
  };
}

/** The namespaces: "default", and those that were applied. */
export function namespaceObjects(sandbox: Sandbox, objects: readonly ResourceRow[]): KubernetesObject[] {
  const applied = objects.filter((row) => row.kind === "Namespace");
  const status = { phase: "Active" };
  const made = applied.some((row) => row.name === "default")
    ? []
    : [
        {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: "default", creationTimestamp: sandbox.createdAt },
          status,
        },
      ];
  const named = ({ object, name }: ResourceRow) => ({
    ...object,
    metadata: { ...(object.metadata as object), labels: { "kubernetes.io/metadata.name": name, ...labelsOf(object) } },
    status,
  });
  return [...made, ...applied.map(named)];
}
