/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which events are wanted of an endpoint: as its own options say, and where they say nothing, as the node's. Not for every
 * packet: see trace_wanted().
 */
#pragma once
#include "config.h"
#include "endpoint.h"

/* Bits of enum runtime_events; endpoint 0 is the host's programs, which have the node's options. */
static __always_inline __u32 monitor_events(__u32 endpoint_id)
{
	const struct endpoint_config *endpoint = endpoint_by_id(endpoint_id);
	__u32 flags = endpoint ? endpoint->flags : 0;
	__u32 own = (flags >> ENDPOINT_OWN_EVENTS_SHIFT) & ENDPOINT_MONITOR_MASK;

	return (runtime_config(RUNTIME_EVENTS) & ~own) | ((flags >> ENDPOINT_EVENTS_SHIFT) & own);
}

/* enum monitor_aggregation */
static __always_inline __u32 monitor_level(__u32 endpoint_id)
{
	const struct endpoint_config *endpoint = endpoint_by_id(endpoint_id);
	__u32 own = endpoint ? (endpoint->flags >> ENDPOINT_LEVEL_SHIFT) & ENDPOINT_MONITOR_MASK : 0;

	return own ? own - 1 : runtime_config(RUNTIME_MONITOR_AGGREGATION);
}
