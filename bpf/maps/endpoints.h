/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Endpoints of this node. Written by src/datapath; read by all programs. */
#pragma once
#include "../abi/endpoint.h"
#include "../lib/helpers.h"

/* Key: an address of this node, of a pod or of the host. Decides what is local. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct endpoint_key);
	__type(value, struct endpoint_info);
} cilium_lxc SEC(".maps");

/* Key: endpoint id. An array, so that the look-up is inlined. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct endpoint_config);
} cilium_endpoints SEC(".maps");
