/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Denied sources. Written by src/datapath/prefilter, read by lib/prefilter.h. Keys: see abi/prefilter.h. */
#pragma once
#include "../abi/prefilter.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * PREFILTER_BLOCKS);
	__type(key, __u32);
	__type(value, struct prefilter_block);
} cilium_cidr_direct SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefilter4_key);
	__type(value, struct prefilter_node);
} cilium_cidr_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefilter6_key);
	__type(value, struct prefilter_node);
} cilium_cidr_nodes6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << PREFILTER_LINE_BITS);
	__type(key, __u32);
	__type(value, struct prefilter_line);
} cilium_cidr_lines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prefilter_state);
} cilium_cidr_state SEC(".maps");
