// SPDX-License-Identifier: Apache-2.0
// Labels of the reserved identities, and which label sets mean one of them.
import { Labels } from "../core/index.ts";
import { Identity, reservedNames } from "./numeric.ts";
import type { IdentityRow } from "./types.ts";

const rows: readonly IdentityRow[] = Array.from(reservedNames, ([id, name]) => ({
  id,
  labels: Labels.of([{ source: "reserved", key: name, value: "" }]),
  source: "reserved" as const,
}));
const labelsById = new Map(rows.map((row) => [row.id, row.labels]));
const idByName = new Map(Array.from(reservedNames, ([id, name]) => [name, id]));

/** Labels of a reserved identity, such as `reserved:host`; undefined for other numbers. */
export function reservedLabels(id: number): Labels | undefined {
  return labelsById.get(id);
}

/** The identities that packets can have in every cluster: 1–10 (11–14 only aggregate others in policy maps). */
export function reservedIdentityRows(): readonly IdentityRow[] {
  return rows.filter((row) => row.id <= Identity.worldIpv6);
}

/**
 * Number of a label set that means a reserved identity. The host keeps its number whatever else it is; a remote node
 * that serves the kube-apiserver has the latter's. Only the source `reserved` counts, never a key that looks like it.
 */
export function reservedIdentityOf(labels: Labels): number | undefined {
  if (labels.has("reserved", "host")) return Identity.host;
  if (labels.has("reserved", "remote-node") && labels.has("reserved", "kube-apiserver")) return Identity.kubeApiserver;
  if (labels.size !== 1) return undefined;
  for (const label of labels) if (label.source === "reserved" && label.value === "") return idByName.get(label.key);
  return undefined;
}
