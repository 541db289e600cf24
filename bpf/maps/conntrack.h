/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Flows. Written by lib/conntrack.h, swept by src/datapath; the loader sets the sizes. Key: a flow as its local
 * endpoint sees it. TCP has maps of its own, so that a flood of other packets cannot push connections out.
 */
#pragma once
#include "../abi/conntrack.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ct4_key);
	__type(value, struct ct_entry);
} cilium_ct4_global SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ct4_key);
	__type(value, struct ct_entry);
} cilium_ct_any4_global SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ct6_key);
	__type(value, struct ct_entry);
} cilium_ct6_global SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ct6_key);
	__type(value, struct ct_entry);
} cilium_ct_any6_global SEC(".maps");

/* Where an entry is put together, for each CPU: the stack has no room for it. A CPU's programs never interrupt each
 * other.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_entry);
} cilium_new_flow SEC(".maps");
