/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counting which rule decided. */
#pragma once
#include "../maps/hits.h"
#include "verdict.h"

/* The rule's counters; NULL: its slot is a newer one's. */
static __always_inline struct policy_hits *hits_of(__u32 cookie)
{
	__u32 slot = cookie % POLICY_HITS_SLOTS;
	struct policy_hits *hits = bpf_map_lookup_elem(&cilium_policystats, &slot);

	if (!hits || hits->cookie > cookie)
		return NULL;
	if (unlikely(hits->cookie != cookie)) {
		struct policy_hits first = { .cookie = cookie };

		*hits = first;
	}
	return hits;
}

/* Counts the answer, and what staged policies would have answered. */
static __always_inline void count_decision(__u32 cookie, const struct policy_question *question)
{
	struct policy_hits *hits = hits_of(cookie);

	if (hits)
		__sync_fetch_and_add(question->verdict ? &hits->denied :
				     question->audited ? &hits->audited : &hits->allowed, 1);
	if (likely(!question->staged))
		return;
	hits = hits_of(question->staged_cookie);
	if (hits)
		__sync_fetch_and_add(question->staged == STAGED_ALLOW ? &hits->staged_allowed : &hits->staged_denied, 1);
}
