// SPDX-License-Identifier: Apache-2.0
// The host's own endpoint: a row without a pod, of which only the policy is realized. Pure.
import { type Labels, pendingStatus } from "../core/index.ts";
import { withLogEntry } from "./log.ts";
import { type EndpointRow, hostEndpointId } from "./types.ts";

const HOST_IDENTITY = 1;
const noMac = "00:00:00:00:00:00";

/** The row with these labels, to be realized (anew); undefined when `known` is so already. `now` in milliseconds. */
export function hostEndpointRow(
  known: EndpointRow | undefined,
  labels: Labels,
  device: { readonly name: string; readonly ifindex: number },
  now: number,
): EndpointRow | undefined {
  if (known?.labels.equals(labels) === true && known.ifindex === device.ifindex) return undefined;
  const row: EndpointRow = {
    ...{ id: hostEndpointId, host: true, phase: "active", identity: HOST_IDENTITY, labels, identityLabels: labels },
    ...{ containerId: "", containerInterfaceName: "", netnsPath: "", podNamespace: "", podName: "" },
    ...{ interfaceName: device.name, ifindex: device.ifindex, mac: noMac, nodeMac: noMac },
    ...(known?.policy === undefined ? {} : { policy: known.policy }),
    generation: (known?.generation ?? 0) + 1,
    status: pendingStatus(now),
    log: known?.log ?? [],
  };
  return withLogEntry(row, now, "OK", known === undefined ? "Endpoint creation" : "Labels changed");
}
