/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where a program of the tests goes on: slot 0 is the program under test. */
#pragma once
#include "../lib/helpers.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} test_calls SEC(".maps");
