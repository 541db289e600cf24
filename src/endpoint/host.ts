// SPDX-License-Identifier: Apache-2.0
// The host's own endpoint: a row without a pod, of which only the policy is realized. Pure.
import { type Labels, pendingStatus } from "../core/index.ts";
import { Identity } from "../identity/index.ts";
import { withLogEntry } from "./log.ts";
import { readOptions } from "./options.ts";
import type { StoredHost } from "./store.ts";
import { type EndpointRow, hostEndpointId } from "./types.ts";

const noMac = "00:00:00:00:00:00";

/**
 * The row with these labels, to be realized (anew); undefined when `known` is so already. `host`: its device, and what is kept
 * of it; `now` in milliseconds.
 */
export function hostEndpointRow(
  known: EndpointRow | undefined,
  labels: Labels,
  host: StoredHost & { readonly name: string; readonly ifindex: number },
  now: number,
): EndpointRow | undefined {
  if (known?.labels.equals(labels) === true && known.ifindex === host.ifindex) return undefined;
  const row: EndpointRow = {
    ...{ id: hostEndpointId, host: true, phase: "active", identity: Identity.host, labels, identityLabels: labels },
    ...{ containerId: "", containerInterfaceName: "", netnsPath: "", podNamespace: "", podName: "" },
    ...{ interfaceName: host.name, ifindex: host.ifindex, mac: noMac, nodeMac: noMac },
    ...(known?.policy === undefined ? {} : { policy: known.policy }),
    ...readOptions(host),
    generation: (known?.generation ?? 0) + 1,
    cause: known === undefined ? "new endpoint" : "labels changed",
    status: pendingStatus(now),
    log: known?.log ?? [],
  };
  return withLogEntry(row, now, "OK", known === undefined ? "Endpoint creation" : "Labels changed");
}
