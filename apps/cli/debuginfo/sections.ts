// SPDX-License-Identifier: Apache-2.0
// The parts of debuginfo, as text.
import type { DebugInfo } from "../../../src/api/index.ts";
import { formatEndpoints } from "../commands/endpoint.ts";
import { formatStatus } from "../status/format.ts";
import { endpointParts } from "./endpoints.ts";

/** One part; `name` is its file's and that of Cilium's part. */
export interface Section {
  readonly name: string;
  readonly title: string;
  readonly lines: readonly string[];
  /** What belongs to it, with titles of its own. */
  readonly parts?: readonly Section[];
}

/** In Cilium's order. `now`: milliseconds since the epoch. */
export function debugSections(info: DebugInfo, now: number): readonly Section[] {
  const everything = {
    ...{ allAddresses: true, allControllers: true, allRedirects: true, allHealth: true, verbose: true },
  };
  const subsystems = Object.entries(info.subsystem).map(([part, state]) => `${part}: ${state}`);
  return [
    { name: "cilium-version", title: "Cilium version", lines: [info["cilium-version"]] },
    { name: "kernel-version", title: "Kernel version", lines: [info["kernel-version"]] },
    { name: "cilium-status", title: "Cilium status", lines: formatStatus(info["cilium-status"], everything, now) },
    {
      name: "cilium-environment-keys",
      title: "Cilium environment keys",
      lines: info["environment-variables"],
    },
    {
      ...{ name: "cilium-endpoint-list", title: "Endpoint list", parts: endpointParts(info["endpoint-list"]) },
      lines: formatEndpoints(info["endpoint-list"], true),
    },
    {
      name: "cilium-service-list",
      title: "Service list",
      lines: info["service-list"].map((each) => JSON.stringify(each)),
    },
    {
      name: "cilium-policy",
      title: "Policy get",
      lines: [...info.policy.policy.split("\n"), `Revision: ${info.policy.revision}`],
    },
    { name: "cilium-memory-map", title: "Cilium memory map", lines: info["cilium-memory-map"].trimEnd().split("\n") },
    { name: "cilium-subsystems", title: "Subsystems", lines: subsystems },
    { name: "cilium-encryption", title: "Cilium encryption", lines: [`Encryption: ${info.encryption.mode}`] },
  ];
}
