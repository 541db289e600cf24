/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Asks the policy maps another question with each run, and counts the answers. What a decision costs is what `ask` takes
 * less what `nothing` takes, which does the same but for the decision.
 */
#include "../lib/endpoint.h"
#include "../lib/policy.h"

#define QUESTIONS 65536		/* a power of two */

struct test_question {
	__u32 set;		/* 0: the ingress set of the endpoint's slot, which has to enforce */
	__u32 endpoint;
	__u32 identity;
	__be16 port;
	__u8 protocol;
	__u8 direction;
};

/* Written by the benchmark. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, QUESTIONS);
	__type(key, __u32);
	__type(value, struct test_question);
} test_questions SEC(".maps");

struct test_tally {
	__u64 next;
	__u64 allowed;
};

/* Read by the benchmark: what was asked, and how often the answer was yes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct test_tally);
} test_tallies SEC(".maps");

static __always_inline int run(bool decide)
{
	struct policy_question question = {};
	struct packet packet = {};
	const struct endpoint_config *endpoint;
	struct test_question *asked;
	struct test_tally *tally;
	__u32 zero = 0, index;

	tally = bpf_map_lookup_elem(&test_tallies, &zero);
	if (!tally)
		return TC_ACT_SHOT;
	index = tally->next++ & (QUESTIONS - 1);
	asked = bpf_map_lookup_elem(&test_questions, &index);
	if (!asked)
		return TC_ACT_SHOT;
	packet.policy_set = asked->set;
	if (!asked->set) {
		endpoint = endpoint_by_id(asked->endpoint);
		if (!endpoint || !(endpoint->flags & ENDPOINT_ENFORCE_INGRESS))
			return TC_ACT_SHOT;
		packet.policy_set = endpoint->ingress_set;
	}
	packet.protocol = asked->protocol;
	question.identity = asked->identity;
	question.port = asked->port;
	question.direction = asked->direction;
	if (decide && ask_policy(&packet, &question) == 0)
		tally->allowed++;
	return TC_ACT_OK;
}

SEC("tc")
int ask(struct __sk_buff *skb __attribute__((unused)))
{
	return run(true);
}

SEC("tc")
int nothing(struct __sk_buff *skb __attribute__((unused)))
{
	return run(false);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
