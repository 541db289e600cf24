/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Known nodes. Written by src/node; read by programs/overlay.bpf.c. Key: an underlay address of a node. */
#pragma once
#include "../abi/ipcache.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct node_key);
	__type(value, struct node_value);
} cilium_node_map_v2 SEC(".maps");
