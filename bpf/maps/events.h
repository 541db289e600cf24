/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Events for user space: records of abi/events.h. Written by lib/drop.h, lib/trace.h and lib/verdict.h; read by
 * src/datapath. The loader may set the size.
 */
#pragma once
#include "../abi/events.h"
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} cilium_events SEC(".maps");

/* Keep the records' layout in the object's BTF, for the comparison at load. */
struct drop_event *const volatile abi_drop_event = 0;
struct trace_event *const volatile abi_trace_event = 0;
struct policy_verdict_event *const volatile abi_policy_verdict_event = 0;
