/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Packets and bytes, for each CPU: of dropped packets, and of those worth a number of their own, by reason, direction and
 * place (cilium_metrics), of forwarded ones by where they go on (cilium_forwarded). Readers show the latter as reason 0.
 */
#pragma once
#include <linux/types.h>

enum metric_direction { METRIC_UNKNOWN = 0, METRIC_INGRESS = 1, METRIC_EGRESS = 2, METRIC_SERVICE = 3 };

/* Keys of cilium_forwarded. */
enum forward_place {
	FORWARD_TO_POD = METRIC_INGRESS,	/* container.bpf.c */
	FORWARD_FROM_POD = METRIC_EGRESS,	/* container.bpf.c */
	FORWARD_HOST_TO_TUNNEL = 3,		/* host.bpf.c */
	FORWARD_TUNNEL_TO_HOST = 4,		/* overlay.bpf.c */
	FORWARD_DEVICE_TO_HOST = 5,		/* netdev.bpf.c */
	FORWARD_PLACES = 8,
};

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
