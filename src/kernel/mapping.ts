// SPDX-License-Identifier: Apache-2.0
// Memory mappings as a type.
import { SyscallError } from "./errors.ts";
import type { Fd } from "./fd.ts";
import { c, memoryView } from "./ffi.ts";

export const PAGE_SIZE = c.getpagesize();
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 32;

/** One mapping. Its buffer must not be touched after close. */
export class Mapping implements Disposable {
  readonly address: number;
  readonly length: number;

  private constructor(address: number, length: number) {
    this.address = address;
    this.length = length;
  }

  /** Zeroed memory at a fixed place, for the kernel or a C library to write to. */
  static anonymous(length: number): Mapping {
    return Mapping.#map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, "memory");
  }

  /** Shared memory of `fd`, from `offset` bytes (whole pages) on. */
  static of(fd: Fd, o: { length: number; offset: number; writable: boolean }): Mapping {
    const protection = o.writable ? PROT_READ | PROT_WRITE : PROT_READ;
    return Mapping.#map(o.length, protection, MAP_SHARED, fd.value, o.offset, fd.what);
  }

  static #map(length: number, protection: number, flags: number, fd: number, offset: number, what: string): Mapping {
    const address = Number(c.mmap(0, length, protection, flags, fd, offset));
    // MAP_FAILED is all ones.
    if (address > Number.MAX_SAFE_INTEGER) throw SyscallError.last("mmap", `Cannot map ${what}`);
    return new Mapping(address, length);
  }

  /** A new view of all of it. */
  buffer(): ArrayBuffer {
    return memoryView(this.address, this.length);
  }

  close(): void {
    c.munmap(this.address, this.length);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
