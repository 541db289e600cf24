// SPDX-License-Identifier: Apache-2.0
// What is probed, and what came of it.

/** A node, or its health endpoint: the one shows the underlay, the other what pods see. */
export type TargetKind = "host" | "endpoint";

/** One address that is probed. */
export interface ProbeTarget {
  /** `cluster/name` of the node. */
  readonly node: string;
  readonly kind: TargetKind;
  readonly ip: string;
  /** The node's first address of its kind; the others are secondary. */
  readonly primary: boolean;
  /** Whether it is this node. */
  readonly local: boolean;
}

export type ProbeProtocol = "icmp" | "http";
export const probeProtocols: readonly ProbeProtocol[] = ["icmp", "http"];

/** What one probe found. */
export type ProbeResult =
  | { readonly ok: true; readonly latencyNs: number }
  /** Such as `no reply within 3 s` or `ECONNREFUSED`. */
  | { readonly ok: false; readonly problem: string };

/** What is known of a path by one protocol. */
export interface PathState {
  /** Undefined before the first probe. */
  readonly last: ProbeResult | undefined;
  /** Milliseconds since the epoch; 0 before the first probe. */
  readonly lastProbed: number;
  /** Latencies of the last answered probes in nanoseconds, oldest first, at most `latencyHistory`. */
  readonly latencies: readonly number[];
}

/** How many latencies of a path are kept. */
const latencyHistory = 30;

/** Row of the table `health`. */
export interface HealthRow extends ProbeTarget {
  readonly icmp: PathState;
  readonly http: PathState;
  /** Of a path that is silent: whether what the other end sends arrives here; undefined while that is not known. */
  readonly heard?: boolean;
}

/** Whether nothing came back at all: neither an answer nor a refusal. Neighbours that do not answer are such a case. */
export function isSilent({ icmp, http }: Pick<HealthRow, "icmp" | "http">): boolean {
  return [icmp.last, http.last].every((last) => last?.ok === false && silence.test(last.problem));
}

const silence = /^(?:no (?:reply|answer) within |EHOSTUNREACH$)/;

/** Key of a row: an address may be of two nodes for a moment. */
export function healthKey({ node, kind, ip }: Pick<ProbeTarget, "node" | "kind" | "ip">): string {
  return `${node}/${kind}/${ip}`;
}

export const unprobed: PathState = { last: undefined, lastProbed: 0, latencies: [] };

/** The state after one more probe. */
export function withResult(before: PathState, result: ProbeResult, now: number): PathState {
  return {
    last: result,
    lastProbed: now,
    latencies: result.ok ? [...before.latencies, result.latencyNs].slice(-latencyHistory) : before.latencies,
  };
}

/** Whether the address answers: undefined before it was probed by both protocols. */
export function reachable({ icmp, http }: Pick<HealthRow, "icmp" | "http">): boolean | undefined {
  if (icmp.last === undefined || http.last === undefined) return undefined;
  return icmp.last.ok && http.last.ok;
}
