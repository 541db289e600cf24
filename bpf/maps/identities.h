/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Identities of pods that the policy sets know. Written by apps/agent after the sets; read by lib/policy.h, where
 * nothing allows a packet. The value has no meaning.
 */
#pragma once
#include "../lib/helpers.h"

/* Key: an identity; KNOWN_IDENTITIES_COMPLETE says that all are in. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} cilium_identities SEC(".maps");
