// SPDX-License-Identifier: Apache-2.0
// The kinds of key-value stores: one line each.
import type { KvstoreBackend } from "./backend-types.ts";
import { etcd } from "./backends/etcd/index.ts";
import { memory } from "./backends/memory/index.ts";

/** All backends by which `--kvstore` chooses. */
export const kvstoreBackends: readonly KvstoreBackend[] = [memory, etcd];
