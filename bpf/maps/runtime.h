/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What may change while programs run. Written by src/datapath; read by lib/config.h. Key: enum runtime_config_index. */
#pragma once
#include "../abi/runtime.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RUNTIME_CONFIG_SIZE);
	__type(key, __u32);
	__type(value, __u64);
} cilium_runtime_config SEC(".maps");
