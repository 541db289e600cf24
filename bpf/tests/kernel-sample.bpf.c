/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the tests of src/kernel load: read-only data, maps of several kinds, ring buffer records, a bad program. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 sample_u32 = 7;
const volatile __u64 sample_u64 = 1;
const volatile __u8 sample_bytes[6] = { 1, 2, 3, 4, 5, 6 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 128);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} sample_counters_with_long_name SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} sample_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 2);
} sample_calls SEC(".maps");

struct event {
	__u32 sequence;
	__u32 constant;
	/* The sequence again: records of 24 bytes with their headers are broken by the buffer's end. */
	__u64 end;
};

/* Returns sample_u32 and counts packets by the mark. */
SEC("tc")
int sample_count(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	__u64 one = 1, *count = bpf_map_lookup_elem(&sample_counters_with_long_name, &key);

	if (count)
		__sync_fetch_and_add(count, sample_u64);
	else
		bpf_map_update_elem(&sample_counters_with_long_name, &key, &one, BPF_ANY);
	skb->cb[0] = sample_bytes[5];
	return sample_u32;
}

/* Writes mark records, then discards one. Returns how many did not fit. */
SEC("tc")
int sample_emit(struct __sk_buff *skb)
{
	struct event *event;
	int lost = 0;

	for (__u32 i = 0; i < 64; i++) {
		if (i >= skb->mark)
			break;
		event = bpf_ringbuf_reserve(&sample_events, sizeof(*event), 0);
		if (!event) {
			lost++;
			continue;
		}
		event->sequence = i;
		event->constant = sample_u32;
		event->end = i;
		bpf_ringbuf_submit(event, 0);
	}
	event = bpf_ringbuf_reserve(&sample_events, 24, 0);
	if (event)
		bpf_ringbuf_discard(event, 0);
	return lost;
}

SEC("tcx/ingress")
int sample_tail(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &sample_calls, 0);
	return 99;
}

/* Refused: reads the packet without a look at its end. */
SEC("?tc")
int sample_bad(struct __sk_buff *skb)
{
	return *(__u32 *)(long)skb->data;
}

char _license[] SEC("license") = "Dual BSD/GPL";
