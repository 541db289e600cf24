/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Packets and bytes. Written by lib/metrics.h; read by src/datapath. */
#pragma once
#include "../abi/metrics.h"
#include "../lib/helpers.h"

/* Dropped and noteworthy ones by reason, direction and place. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct metrics_key);
	__type(value, struct metrics_value);
} cilium_metrics SEC(".maps");

/* Forwarded ones. Key: enum forward_place. An array, so that the look-up is inlined. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FORWARD_PLACES);
	__type(key, __u32);
	__type(value, struct metrics_value);
} cilium_forwarded SEC(".maps");
