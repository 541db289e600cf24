/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* cilium_runtime_config: what may change while programs run. Array of __u64, index below. */
#pragma once

enum runtime_config_index {
	RUNTIME_UTIME_OFFSET = 0,
	RUNTIME_AGENT_LIVENESS = 1,
	RUNTIME_IPCACHE_REVISION = 2,		/* moves when a known address may have changed identity or place */
	RUNTIME_MONITOR_AGGREGATION = 3,	/* enum monitor_aggregation */
	RUNTIME_MONITOR_INTERVAL = 4,		/* seconds */
	RUNTIME_EVENTS = 5,			/* bits: enum runtime_events */
	RUNTIME_EVENTS_LOST = 6,		/* counts events that found no room in the ring buffer */
	RUNTIME_ANY_AGGREGATION = 7,		/* the lowest level that the node or an endpoint of it has */
	RUNTIME_ANY_EVENTS = 8,			/* what the node or an endpoint of it wants */
	RUNTIME_CONFIG_SIZE = 16,
};

enum monitor_aggregation { AGGREGATION_NONE = 0, AGGREGATION_LOW = 1, AGGREGATION_MEDIUM = 3, AGGREGATION_MAXIMUM = 4 };

enum runtime_events { RUNTIME_EVENT_DROP = 1, RUNTIME_EVENT_TRACE = 2, RUNTIME_EVENT_POLICY_VERDICT = 4 };

/* Slots of cilium_calls. */
enum tail_call {
	CALL_FROM_CONTAINER = 0, CALL_TO_CONTAINER = 1,
	/* The rest only with the host firewall. */
	CALL_TO_HOST = 2, CALL_FROM_HOST = 3, CALL_FROM_HOST_JUDGED = 4,
	CALL_HOST_TO_CONTAINER = 5,
	CALL_SIZE = 16,
};
