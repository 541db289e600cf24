// SPDX-License-Identifier: Apache-2.0
// Kinds of BPF maps, in the order of enum bpf_map_type.

const MAP_TYPES = [
  "unspec",
  "hash",
  "array",
  "prog_array",
  "perf_event_array",
  "percpu_hash",
  "percpu_array",
  "stack_trace",
  "cgroup_array",
  "lru_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "array_of_maps",
  "hash_of_maps",
  "devmap",
  "sockmap",
  "cpumap",
  "xskmap",
  "sockhash",
  "cgroup_storage",
  "reuseport_sockarray",
  "percpu_cgroup_storage",
  "queue",
  "stack",
  "sk_storage",
  "devmap_hash",
  "struct_ops",
  "ringbuf",
  "inode_storage",
  "task_storage",
  "bloom_filter",
  "user_ringbuf",
  "cgrp_storage",
  "arena",
] as const;

export type MapType = (typeof MAP_TYPES)[number];

/** Flags of BPF_MAP_CREATE. */
export const MapFlag = {
  BPF_F_NO_PREALLOC: 1,
  BPF_F_NO_COMMON_LRU: 2,
  BPF_F_RDONLY: 8,
  BPF_F_RDONLY_PROG: 128,
  BPF_F_MMAPABLE: 1024,
  BPF_F_INNER_MAP: 4096,
} as const;

/** enum bpf_map_type. */
export function mapTypeNumber(type: MapType): number {
  return MAP_TYPES.indexOf(type);
}

/** "unspec" for a type newer than this list. */
export function mapTypeName(number: number): MapType {
  return MAP_TYPES[number] ?? "unspec";
}

/** Whether a value has one slot for each possible CPU. */
export function isPerCpu(type: MapType): boolean {
  return (
    type === "percpu_hash" || type === "percpu_array" || type === "lru_percpu_hash" || type === "percpu_cgroup_storage"
  );
}

/** Whether its entries cannot be deleted, only overwritten. */
export function isArray(type: MapType): boolean {
  return type === "array" || type === "percpu_array";
}
