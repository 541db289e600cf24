// SPDX-License-Identifier: Apache-2.0
// Whether a policy leaves a port open to anybody at all.
import type { EndpointPolicy, PolicyEntry } from "../types.ts";

const TCP = 6;

/** Whether somebody may open a TCP connection to the port. */
export function admitsPort(policy: Pick<EndpointPolicy, "ingressEnforced" | "entries">, port: number): boolean {
  if (!policy.ingressEnforced) return true;
  return policy.entries.some(
    (entry) => entry.verdict !== "deny" && entry.direction === "ingress" && covers(entry, port),
  );
}

function covers({ protocol, port, portPrefix }: PolicyEntry, wanted: number): boolean {
  if (protocol === 0) return true;
  return protocol === TCP && ((port ^ wanted) & (0xffff << (16 - portPrefix)) & 0xffff) === 0;
}
