/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Packets and bytes, for each CPU: of dropped packets by reason, direction and place (cilium_metrics), of forwarded ones
 * by direction (cilium_forwarded). Readers show the latter as reason 0.
 */
#pragma once
#include <linux/types.h>

enum metric_direction { METRIC_UNKNOWN = 0, METRIC_INGRESS = 1, METRIC_EGRESS = 2, METRIC_SERVICE = 3, METRIC_DIRECTIONS = 4 };

struct metrics_key {
	__u8 reason;
	__u8 direction;
	__u16 line;
	__u8 file;
	__u8 pad[3];
};

struct metrics_value {
	__u64 packets;
	__u64 bytes;
};
