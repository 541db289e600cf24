// SPDX-License-Identifier: Apache-2.0
// Words for the numbers in events.

const observationPoints = [
  "to-endpoint",
  "to-proxy",
  "to-host",
  "to-stack",
  "to-overlay",
  "from-endpoint",
  "from-proxy",
  "from-host",
  "from-stack",
  "from-overlay",
  "from-network",
  "to-network",
  "from-crypto",
  "to-crypto",
] as const;

const traceReasons = [
  "new",
  "established",
  "reply",
  "related",
  "reopened",
  "unknown",
  "srv6-encap",
  "srv6-decap",
  "encrypt-overlay",
] as const;

const policyMatches = ["none", "L3-Only", "L3-L4", "L4-Only", "all", "L3-Proto", "Proto-Only"] as const;

const translationPoints = ["unknown", "pre-xlate-fwd", "post-xlate-fwd", "pre-xlate-rev", "post-xlate-rev"] as const;

const authTypes = ["disabled", "spire", "test-always-fail"] as const;

/** `to-endpoint` for 0, `from-overlay` for 9, … */
export function observationPointName(point: number): string {
  return observationPoints[point] ?? String(point);
}

/** `new`, `established`, `reply`, `related`, … */
export function traceReasonName(reason: number): string {
  return traceReasons[reason] ?? String(reason);
}

/** `none`, `L3-Only`, `L3-L4`, `L4-Only`, `all`, `L3-Proto`, `Proto-Only`. */
export function policyMatchName(match: number): string {
  return policyMatches[match] ?? String(match);
}

/** `pre-xlate-fwd`, `post-xlate-fwd`, `pre-xlate-rev`, `post-xlate-rev`, else `unknown`. */
export function translationPointName(point: number): string {
  return translationPoints[point] ?? "unknown";
}

/** `disabled`, `spire`, `test-always-fail`. */
export function authTypeName(type: number): string {
  return authTypes[type] ?? String(type);
}
