// SPDX-License-Identifier: Apache-2.0
// The model's policy sets and its ipcache.
import type { PolicyRow } from "../world.ts";

/** The first entry in the order of bpf/abi/policy.h decides; nothing found denies. */
export class ModelPolicy {
  readonly #rows = new Map<string, PolicyRow>();

  clear(): void {
    this.#rows.clear();
  }

  add(row: PolicyRow): void {
    this.#rows.set([row.set, row.direction, row.identity, ...scope(row)].join(), row);
  }

  allows(question: { set: number; direction: number; identity: number; protocol: number; port: number }): boolean {
    for (const identity of [question.identity, 0]) {
      const fitting = [...this.#rows.values()]
        .filter((row) => row.set === question.set && row.direction === question.direction && row.identity === identity)
        .filter((row) => covers(row, question.protocol, question.port))
        .sort((a, b) => width(b) - width(a));
      if (fitting[0] !== undefined) return fitting[0].deny !== true;
    }
    return false;
  }
}

/** Of a pod, also one whose labels are not known; the rest is of nodes and the world. */
export function isPodIdentity(identity: number): boolean {
  return (identity >= 256 && identity < 2 ** 24) || [3, 4, 5].includes(identity);
}

function scope({ protocol, port, portBits }: PolicyRow): (number | undefined)[] {
  return [protocol, port, port === undefined ? undefined : (portBits ?? 16)];
}

function covers(row: PolicyRow, protocol: number, port: number): boolean {
  if (row.protocol === undefined) return true;
  if (row.protocol !== protocol) return false;
  if (row.port === undefined) return true;
  const shift = 16 - (row.portBits ?? 16);
  return row.port >> shift === port >> shift;
}

function width({ protocol, port, portBits }: PolicyRow): number {
  return protocol === undefined ? 0 : port === undefined ? 8 : 8 + (portBits ?? 16);
}
