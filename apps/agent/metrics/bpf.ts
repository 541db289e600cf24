// SPDX-License-Identifier: Apache-2.0
// What maps and programs take: room, memory, time.
import type { Metrics, ReadonlyTable } from "../../../src/core/index.ts";
import type { Datapath } from "../../../src/datapath/index.ts";
import type { IpcacheRow } from "../../../src/ipcache/index.ts";
import { type BpfMemory, BpfMemoryReader, onBpfCall } from "../../../src/kernel/index.ts";

export interface BpfMetricsDeps {
  readonly datapath: Pick<Datapath, "maps">;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
}

/** All maps and programs of the machine are looked at for their memory; what that gave is held so long, ms. */
const MEMORY_HOLDS = 60_000;

/** Registers them; what is read is read when somebody asks. */
export function registerBpf(metrics: Metrics, deps: BpfMetricsDeps): void {
  registerPressure(metrics, deps);
  registerMemory(metrics);
  const seconds = metrics.histogram({
    name: "bpf_syscall_duration_seconds",
    help: "Seconds that calls of bpf(2) took",
    labels: ["operation", "outcome"],
    buckets: [0.000_001, 0.000_003, 0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
    off: true,
  });
  if (!metrics.wants("bpf_syscall_duration_seconds")) return;
  onBpfCall(({ operation, seconds: took, ok }) =>
    seconds.observe(took, { operation, outcome: ok ? "success" : "fail" }),
  );
}

/** Conntrack maps by their last sweep. */
function registerPressure(metrics: Metrics, { datapath, ipcache }: BpfMetricsDeps): void {
  metrics.gauge({
    name: "bpf_map_pressure",
    help: "Part of a map's room that is in use",
    labels: ["map_name"],
    collect(metric) {
      const { conntrack, ipcache: addresses, policy } = datapath.maps;
      const prefixes = Array.from(ipcache.all(), ({ prefix }) => prefix);
      for (const { map, entries, capacity } of [
        ...policy.usage(),
        ...conntrack.usage(),
        ...addresses.usage(prefixes),
      ]) {
        metric.set(entries / capacity, { map_name: map.replace("cilium_", "") });
      }
    },
  });
}

function registerMemory(metrics: Metrics): void {
  const reader = new BpfMemoryReader();
  let held: (BpfMemory & { readonly at: number }) | undefined;
  const read = (): BpfMemory => {
    const now = performance.now();
    if (held === undefined || now - held.at > MEMORY_HOLDS) held = { at: now, ...reader.read() };
    return held;
  };
  metrics.gauge({
    ...{ name: "bpf_maps_virtual_memory_max_bytes", help: "Memory that all maps of the machine may take" },
    collect: (metric) => metric.set(read().maps),
  });
  metrics.gauge({
    ...{ name: "bpf_progs_virtual_memory_max_bytes", help: "Memory that all programs of the machine take" },
    collect: (metric) => metric.set(read().programs),
  });
}
