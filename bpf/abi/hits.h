/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* cilium_policystats (array): how often each rule decided. A rule's slot is its cookie modulo POLICY_HITS_SLOTS; of two
 * rules of one slot the newer one, which has the larger cookie, is counted. Slot 0: no rule, which is default deny.
 */
#pragma once
#include <linux/types.h>

#define POLICY_HITS_SLOTS 131072

/* Decisions, not packets: one for a new flow, for each denied packet, and for a flow whose answer may have changed. */
struct policy_hits {
	__u32 cookie;
	__u32 pad;
	__u64 allowed;
	__u64 denied;
	__u64 audited;		/* would have been denied */
	__u64 staged_allowed;	/* as a staged rule */
	__u64 staged_denied;
};
