/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel's and libbpf's headers, and words that every file uses. */
#pragma once
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
/* linux/icmp.h wants IFNAMSIZ from linux/if.h, which would bring the C library's headers in: for another machine. */
#define _LINUX_IF_H
#define IFNAMSIZ 16
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Of a field: where 64 bits are read and written at once. */
#define __in_words __attribute__((aligned(8)))

#define ETH_LENGTH sizeof(struct ethhdr)
#define NS_PER_SECOND 1000000000ULL

/* A function that the verifier checks once, alone, for whatever arguments, and that costs a call: its states do not
 * multiply with those of its callers, and it has a stack frame of its own. For all that the verifier knows its pointer
 * arguments may be NULL.
 */
#define __verified_alone __attribute__((noinline))
