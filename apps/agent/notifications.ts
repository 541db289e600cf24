// SPDX-License-Identifier: Apache-2.0
// What the agent tells its monitor's listeners of itself: endpoints, policies, addresses. Field names as Cilium's
// notifications have them. Nothing is made while nobody listens.
import type { AgentNotification } from "../../src/api/index.ts";
import type { Change, Clock, Module, ReadonlyTable } from "../../src/core/index.ts";
import type { EndpointRow } from "../../src/endpoint/index.ts";
import type { IpcacheRow } from "../../src/ipcache/index.ts";
import type { PolicyEngine, PolicyRow } from "../../src/policy/index.ts";
import type { EventModule } from "./events.ts";

export interface NotificationDeps {
  readonly events: Pick<EventModule, "notify" | "listening">;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly policies: ReadonlyTable<PolicyRow, string>;
  readonly engine: Pick<PolicyEngine, "revision">;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
  readonly clock: Pick<Clock, "now">;
}

type Notification = readonly [kind: AgentNotification, message: Readonly<Record<string, unknown>>];

/** Follows the tables. Its start says that the agent has started, so it comes behind the monitor's socket. */
export function createNotifications(deps: NotificationDeps): Module {
  const watches: Disposable[] = [];
  const follow = <Row extends object>(table: ReadonlyTable<Row>, tell: (change: Change<Row>) => Notification[]) =>
    table.onChange((batch) => {
      if (!deps.events.listening) return;
      for (const change of batch) for (const [kind, message] of tell(change)) deps.events.notify(kind, message);
    });
  return {
    name: "notifications",
    async start() {
      const ofPolicy = ({ kind, row }: Change<PolicyRow>) => policyNotifications(kind, row, deps.engine.revision);
      watches.push(follow(deps.endpoints, ofEndpoint), follow(deps.policies, ofPolicy), follow(deps.ipcache, ofPrefix));
      deps.events.notify("Cilium agent started", { time: new Date(deps.clock.now()).toISOString() });
    },
    async stop() {
      for (const watch of watches.splice(0)) watch[Symbol.dispose]();
    },
  };
}

/** Created, deleted, and each time the kernel got what the row says, or did not. */
export function ofEndpoint(change: Change<EndpointRow>): Notification[] {
  const { row } = change;
  const message = { id: row.id, labels: row.labels.toStrings() };
  const pod = row.podName === "" ? {} : { "pod-name": row.podName, namespace: row.podNamespace };
  if (change.kind === "delete") return [["Endpoint deleted", { ...message, ...pod }]];
  const { previous } = change;
  const created: Notification[] = previous === undefined ? [["Endpoint created", { ...message, ...pod }]] : [];
  if (row.phase !== "active" || previous?.status === row.status) return created;
  if (row.status.kind === "done") return [...created, ["Endpoint regenerated", message]];
  if (row.status.kind !== "error") return created;
  return [...created, ["Failed endpoint regeneration", { ...message, error: row.status.error }]];
}

/** Updated; or deleted, which is a revision of its own: the one that holds now. */
function policyNotifications(kind: Change<PolicyRow>["kind"], row: PolicyRow, now: number): Notification[] {
  if (kind === "delete") return [["Policy deleted", policyMessage({ ...row, revision: now })]];
  return [["Policy updated", policyMessage(row)]];
}

/** With the labels that Cilium gives a policy's rules. */
export function policyMessage(row: PolicyRow): Readonly<Record<string, unknown>> {
  const labels = [
    ["derived-from", row.kind],
    ["name", row.name],
    ["namespace", row.namespace],
    ["uid", row.uid],
  ].flatMap(([key, value]) => (value === "" ? [] : [`k8s:io.cilium.k8s.policy.${key}=${value}`]));
  return { labels, revision: row.revision, rule_count: row.rules.length };
}

/** Upserted when what it says about the address changed, not when the kernel got it. */
export function ofPrefix(change: Change<IpcacheRow>): Notification[] {
  const { row } = change;
  const { metadata, hostIp } = row;
  const message = {
    cidr: row.prefix,
    id: row.identity,
    ...(hostIp === undefined ? {} : { "host-ip": hostIp }),
    "encrypt-key": row.encryptKey,
    ...(metadata && { namespace: metadata.namespace, "pod-name": metadata.name }),
  };
  if (change.kind === "delete") return [["IPCache entry deleted", message]];
  const { previous } = change;
  if (previous === undefined) return [["IPCache entry upserted", message]];
  const same =
    previous.identity === row.identity && previous.hostIp === hostIp && previous.encryptKey === row.encryptKey;
  if (same) return [];
  const before = {
    "old-id": previous.identity,
    ...(previous.hostIp === undefined ? {} : { "old-host-ip": previous.hostIp }),
  };
  return [["IPCache entry upserted", { ...message, ...before }]];
}
