/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who an address is and where it lives. Written by src/ipcache; read by lib/ipcache.h. */
#pragma once
#include "../abi/ipcache.h"
#include "../lib/helpers.h"

/* Key: a prefix. The longest that matches wins. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 512000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_entry);
} cilium_ipcache_v2 SEC(".maps");

/* Key: a whole address. Asked before the prefixes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_exact_key);
	__type(value, struct ipcache_entry);
} cilium_ipcache_exact SEC(".maps");
