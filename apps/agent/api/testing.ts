// SPDX-License-Identifier: Apache-2.0
// For tests: the calls about endpoints and addresses on a real manager and IPAM, over a kernel in memory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { EndpointChangeRequest } from "../../../src/api/index.ts";
import { defaultLabelFilter, FakeClock } from "../../../src/core/index.ts";
import { createEndpointManager, createEndpointTable } from "../../../src/endpoint/index.ts";
import { agentDefaults, MemoryAnnouncer, MemoryDatapath, MemoryIdentities } from "../../../src/endpoint/testing.ts";
import { Ipam } from "../../../src/ipam/index.ts";
import { createResourceTable, type ResourceRow, resourceId } from "../../../src/kubernetes/index.ts";
import { PolicyEngine } from "../../../src/policy/index.ts";
import { createEndpointCalls } from "./endpoints.ts";
import { createIpamCalls } from "./ipam.ts";

/** Options of endpoints as the agent's are here. */
export const allOptions = {
  ...{ Debug: "Disabled", DebugLB: "Disabled", DebugPolicy: "Disabled", DropNotification: "Enabled" },
  ...{ MonitorAggregationLevel: "Medium", PolicyAuditMode: "Disabled", PolicyVerdictNotification: "Enabled" },
  ...{ SourceIPVerification: "Enabled", TraceNotification: "Enabled" },
};
const hostAddressing = { ipv4: { enabled: true }, ipv6: { enabled: true } };

/** A Pod object. */
export function podObject(name: string, labels: Record<string, string>): ResourceRow {
  const object = { metadata: { name, namespace: "default", labels } };
  return {
    id: resourceId("Pod", "default", name),
    apiVersion: "v1",
    kind: "Pod",
    namespace: "default",
    name,
    object,
    origin: "",
  };
}

/** `devices`: whether host-side devices are there; `hasPodSource`: whether labels come from Pod objects. */
export async function setUp(t: TestContext, options: { devices?: boolean; hasPodSource?: boolean } = {}) {
  const { devices = true, hasPodSource = true } = options;
  const directory = mkdtempSync(join(tmpdir(), "agent-api-"));
  const clock = new FakeClock();
  const ipam = new Ipam({ ipv4Cidr: "10.1.0.0/29", ipv6Cidr: "fd00::/125", clock });
  const resources = createResourceTable();
  const endpoints = createEndpointTable();
  const datapath = new MemoryDatapath();
  const identities = new MemoryIdentities();
  const manager = createEndpointManager(
    {
      ...{ endpoints, datapath, allocator: identities, announcer: new MemoryAnnouncer(), clock },
      addresses: { take: (ip, owner) => void ipam.restore(ip, owner), release: (ip) => void ipam.release(ip) },
      resolvePolicy: (labels, identity) => new PolicyEngine().resolveEndpoint(labels, identity),
      deviceExists: () => devices,
    },
    { directory, ...agentDefaults },
  );
  const stop = new AbortController();
  await manager.start(stop.signal);
  manager.open();
  t.after(async () => {
    stop.abort();
    await manager.stop?.();
    rmSync(directory, { recursive: true });
  });
  const podLabels = { cluster: "default", filter: defaultLabelFilter };
  const model = { hostAddressing, defaults: agentDefaults, policyRevision: () => 1 };
  return {
    ...{ clock, ipam, resources, endpoints, datapath, identities, manager },
    api: {
      ...createEndpointCalls({
        endpoints,
        manager,
        ipam,
        resources,
        hasPodSource,
        podLabels,
        model,
        agentOptions: () => allOptions,
      }),
      ...createIpamCalls({ ipam, endpoints, hostAddressing }),
    },
  };
}

/** What the CNI plugin asks for. */
export function endpointRequest(n: number, more: Partial<EndpointChangeRequest> = {}): EndpointChangeRequest {
  return {
    ...{
      "container-id": `c${n}`,
      "container-interface-name": "eth0",
      "interface-name": `lxc${n}`,
      "interface-index": n,
    },
    ...{
      mac: "02:00:00:00:00:01",
      "host-mac": "02:00:00:00:00:02",
      "k8s-namespace": "default",
      "k8s-pod-name": `p${n}`,
    },
    ...more,
  };
}
