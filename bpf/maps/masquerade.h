/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Devices that masquerade. Written by src/datapath/masquerade; read by lib/masquerade.h and lib/leave.h. Key: ifindex. */
#pragma once
#include "../abi/nat.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct masquerade_device);
} cilium_masquerade SEC(".maps");
