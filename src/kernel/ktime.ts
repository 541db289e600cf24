// SPDX-License-Identifier: Apache-2.0
// The clock of BPF programs.
import { c } from "./ffi.ts";

const CLOCK_MONOTONIC = 1;
const time = new BigInt64Array(new ArrayBuffer(16));
const bytes = new Uint8Array(time.buffer);

/** CLOCK_MONOTONIC in nanoseconds: what bpf_ktime_get_ns() gives. */
export function ktimeNs(): bigint {
  c.clockGettime(CLOCK_MONOTONIC, bytes);
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}
