// SPDX-License-Identifier: Apache-2.0
// Endpoint rows in the form of the REST API.
import type {
  Endpoint,
  EndpointHealth,
  EndpointStatusChange,
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

/** What an endpoint's model needs beside its row. */
export interface EndpointModelContext {
  readonly hostAddressing: NodeAddressing;
  readonly defaults: EndpointDefaults;
  /** Of the policy engine, now. It says at once which endpoints a change concerns; all others are up to date. */
  readonly policyRevision: () => number;
}

export function toEndpointModel(row: EndpointRow, context: EndpointModelContext): Endpoint {
  const labels = row.labels.toStrings();
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
      labels: { "security-relevant": labels, derived: [], disabled: [] },
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
      },
      log: toLogModel(row),
      state: endpointState(row.phase, row.status),
      health: toHealthModel(row),
    },
  };
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
  const { ingressEnforced = false, egressEnforced = false } = row.policy ?? {};
  const which = ingressEnforced ? (egressEnforced ? "both" : "ingress") : egressEnforced ? "egress" : "none";
  return which === "none" || !auditMode ? which : `audit-${which}`;
}
