// SPDX-License-Identifier: Apache-2.0
// How much memory maps and programs may take: what the kernel says of each of them, in /proc/self/fdinfo.
import { readFileSync } from "node:fs";
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { fdById, ids } from "./syscall.ts";

/** Bytes of all maps and of all programs of the machine, whoever made them. */
export interface BpfMemory {
  readonly maps: number;
  readonly programs: number;
}

const kinds = {
  map: { list: "BPF_MAP_GET_NEXT_ID", open: "BPF_MAP_GET_FD_BY_ID" },
  program: { list: "BPF_PROG_GET_NEXT_ID", open: "BPF_PROG_GET_FD_BY_ID" },
} as const;

/**
 * Some five system calls for each map, and for each program that was not there the last time: ids are never used again,
 * and programs never change. Throws SyscallError without CAP_SYS_ADMIN.
 */
export class BpfMemoryReader {
  #programs: ReadonlyMap<number, number> = new Map();

  read(): BpfMemory {
    const before = this.#programs;
    this.#programs = new Map(
      Array.from(ids(kinds.program.list), (id) => [id, before.get(id) ?? memlock("program", id)]),
    );
    const maps = Array.from(ids(kinds.map.list), (id) => memlock("map", id));
    return { maps: sum(maps), programs: sum(this.#programs.values()) };
  }
}

/** Bytes; 0 for what went away meanwhile. */
function memlock(kind: keyof typeof kinds, id: number): number {
  try {
    using fd = fdById(kinds[kind].open, id, kind);
    return Number(/^memlock:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd.value}`, "utf8"))?.[1] ?? 0);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.ENOENT) return 0;
    throw error;
  }
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
