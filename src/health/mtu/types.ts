// SPDX-License-Identifier: Apache-2.0
// What is known about how large packets may be on the way to other nodes.
import { Table } from "../../core/index.ts";
import { healthKey, type ProbeTarget } from "../types.ts";

/** Row of the table `path-mtu`: the way to a node's address, or to that of its health endpoint as pods go. */
export interface PathMtuRow extends Pick<ProbeTarget, "node" | "kind" | "ip"> {
  /** Bytes, IP header included, that this node's devices and routes let be sent. */
  readonly expected: number;
  /** Largest packet that came back; undefined while the path was not measured, or when nothing passes. */
  readonly measured: number | undefined;
  /** Milliseconds since the epoch. */
  readonly lastProbed: number;
}

/** A table by `cluster/node/kind/address`, with the index `node` (`cluster/name`). */
export function createPathMtuTable(): Table<PathMtuRow, string> {
  return new Table<PathMtuRow, string>({
    name: "path-mtu",
    key: healthKey,
    indexes: { node: (row) => [row.node] },
  });
}

/** Whether packets get lost that this node takes for small enough. */
export function isBlackHole({ expected, measured }: PathMtuRow): boolean {
  return measured !== undefined && measured < expected;
}

/** `default/node1 -> default/node2 (endpoint 10.0.2.7): packets over 1350 bytes are lost, 1450 expected`. */
export function blackHoleText(row: PathMtuRow, self: string): string {
  const { node, kind, ip, expected, measured } = row;
  return `${self} -> ${node} (${kind} ${ip}): packets over ${measured} bytes are lost, ${expected} expected`;
}
