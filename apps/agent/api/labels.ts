// SPDX-License-Identifier: Apache-2.0
// Lists narrowed by labels.
import { type Labels, parseLabel } from "../../../src/core/index.ts";
import { withStatus } from "./with-status.ts";

/** Tells rows that have all of the labels (`source:key=value`, source optional). ApiError 400 for what is no label. */
export function hasLabels(wanted: readonly string[]): (row: { readonly labels: Labels }) => boolean {
  const parsed = withStatus(() => wanted.map((text) => parseLabel(text, "any")));
  return ({ labels }) => parsed.every(({ source, key, value }) => labels.get(source, key) === value);
}
