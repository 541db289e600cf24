// SPDX-License-Identifier: Apache-2.0
// Endpoint rows in the form of the REST API.
import type {
  ControllerStatus,
  Endpoint,
  EndpointHealth,
  EndpointStatusChange,
  LabelConfiguration,
  NodeAddressing,
  PolicyEnabled,
} from "../../../src/api/index.ts";
import {
  attachmentId,
  type EndpointDefaults,
  type EndpointRow,
  endpointState,
  isAudited,
} from "../../../src/endpoint/index.ts";
import type { PodPort } from "../../../src/ipcache/index.ts";
import { protocolName } from "../../../src/policy/index.ts";
import { endpointOptions } from "./endpoint-config.ts";

/** What an endpoint's model needs beside its row. */
export interface EndpointModelContext {
  readonly hostAddressing: NodeAddressing;
  readonly defaults: EndpointDefaults;
  /** Of the policy engine, now. It says at once which endpoints a change concerns; all others are up to date. */
  readonly policyRevision: () => number;
  readonly namedPorts: (row: EndpointRow) => readonly PodPort[];
  /** Whether the orchestrator's objects say the labels of an endpoint, all of them. */
  readonly orchestrated: (row: EndpointRow) => boolean;
  /** The agent's own options by name. */
  readonly agentOptions: Readonly<Record<string, string>>;
}

export function toEndpointModel(row: EndpointRow, context: EndpointModelContext): Endpoint {
  const options = endpointOptions(row, context.agentOptions);
  const { status: labels } = toLabelModel(row, context.orchestrated(row));
  const config = { options, "label-configuration": labels.realized ?? {} };
  const pod =
    row.podName === ""
      ? {}
      : {
          "pod-name": `${row.podNamespace}/${row.podName}`,
          "k8s-pod-name": row.podName,
          "k8s-namespace": row.podNamespace,
        };
  return {
    id: row.id,
    spec: config,
    status: {
      "external-identifiers": {
        "cni-attachment-id": attachmentId(row),
        "container-id": row.containerId,
        ...pod,
        ...(row.network === undefined ? {} : { "cni-network": row.network }),
      },
      ...(row.identity === undefined
        ? {}
        : { identity: { id: row.identity, labels: (row.identityLabels ?? row.labels).toStrings() } }),
      labels,
      realized: config,
      networking: {
        addressing: [
          {
            ...(row.ipv4 === undefined ? {} : { ipv4: row.ipv4 }),
            ...(row.ipv6 === undefined ? {} : { ipv6: row.ipv6 }),
          },
        ],
        mac: row.mac,
        "host-mac": row.nodeMac,
        "interface-name": row.interfaceName,
        "interface-index": row.ifindex,
        "container-interface-name": row.containerInterfaceName,
        "host-addressing": context.hostAddressing,
      },
      policy: {
        realized: {
          "policy-revision": row.status.kind === "done" ? context.policyRevision() : (row.policy?.revision ?? 0),
          "policy-enabled": policyEnabled(row, isAudited(row, context.defaults)),
          ...(row.identity === undefined ? {} : { id: row.identity }),
        },
        // There is no proxy.
        "proxy-statistics": [],
      },
      log: toLogModel(row),
      controllers: [toController(row)],
      namedPorts: context.namedPorts(row).map(({ name, port, protocol }) => ({
        ...{ name, port, protocol: protocolName(protocol) },
      })),
      state: endpointState(row.phase, row.status),
      health: toHealthModel(row),
    },
  };
}

/** What brings the kernel to what the endpoint's row says. */
function toController({ id, status }: EndpointRow): ControllerStatus {
  const time = new Date(status.since).toISOString();
  const name = `sync-endpoint-${id}`;
  switch (status.kind) {
    case "pending":
      return { name, status: {} };
    case "done":
      return { name, status: { "last-success-timestamp": time, "consecutive-failure-count": 0 } };
    case "error":
      return {
        name,
        status: {
          ...{ "consecutive-failure-count": 1, "failure-count": 1 },
          ...{ "last-failure-msg": status.error, "last-failure-timestamp": time },
        },
      };
  }
}

/** `orchestrated`: users give such an endpoint no labels. */
export function toLabelModel(row: EndpointRow, orchestrated: boolean): LabelConfiguration {
  const labels = row.labels.toStrings();
  const user = orchestrated ? [] : labels.filter((label) => !/^(reserved|cidr):/.test(label));
  const derived = orchestrated ? labels : [];
  return { spec: { user }, status: { "security-relevant": labels, derived, disabled: [], realized: { user } } };
}

export function toLogModel(row: EndpointRow): EndpointStatusChange[] {
  return row.log.map((entry) => ({
    timestamp: new Date(entry.time).toISOString(),
    code: entry.code === "OK" ? "ok" : "failed",
    state: entry.state,
    message: entry.message,
  }));
}

export function toHealthModel(row: EndpointRow): EndpointHealth {
  const state = endpointState(row.phase, row.status);
  const health = state === "ready" ? "OK" : state === "not-ready" ? "Failure" : "Pending";
  return { overallHealth: health, bpf: health, policy: health, connected: row.phase === "active" };
}

/** In which directions policy is enforced, or would be but for audit mode. */
export function policyEnabled(row: EndpointRow, auditMode: boolean): PolicyEnabled {
  return enforcement(row.policy ?? { ingressEnforced: false, egressEnforced: false }, auditMode);
}

/** Cilium's word for the directions of a policy. */
export function enforcement(
  { ingressEnforced, egressEnforced }: { readonly ingressEnforced: boolean; readonly egressEnforced: boolean },
  auditMode: boolean,
): PolicyEnabled {
  const which = ingressEnforced ? (egressEnforced ? "both" : "ingress") : egressEnforced ? "egress" : "none";
  return which === "none" || !auditMode ? which : `audit-${which}`;
}
