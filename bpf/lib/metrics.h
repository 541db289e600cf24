/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counting packets and bytes. */
#pragma once
#include "../maps/metrics.h"

/* Of what is dropped or noteworthy. */
static __always_inline void count_bytes(__u32 bytes, __u8 reason, __u8 direction, __u16 line, __u8 file)
{
	struct metrics_key key = { .reason = reason, .direction = direction, .line = line, .file = file };
	struct metrics_value *value = bpf_map_lookup_elem(&cilium_metrics, &key);

	if (likely(value)) {
		value->packets++;
		value->bytes += bytes;
	} else {
		struct metrics_value first = { .packets = 1, .bytes = bytes };

		/* BPF_ANY sets this CPU's slot only; the others' are zero in a new element. */
		bpf_map_update_elem(&cilium_metrics, &key, &first, BPF_ANY);
	}
}

static __always_inline void count_packet(struct __sk_buff *skb, __u8 reason, __u8 direction, __u16 line, __u8 file)
{
	count_bytes(skb->len, reason, direction, line, file);
}

static __always_inline void count_forwarded(struct __sk_buff *skb, __u32 place)
{
	struct metrics_value *value = bpf_map_lookup_elem(&cilium_forwarded, &place);

	if (value) {
		value->packets++;
		value->bytes += skb->len;
	}
}
