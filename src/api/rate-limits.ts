// SPDX-License-Identifier: Apache-2.0
// The classes of API calls and their default limits.
import type { RateLimit } from "./rate-limit.ts";

/** Classes of calls that are limited, as in Cilium's `--api-rate-limit`. */
export type RateLimitName = "endpoint-create" | "endpoint-patch" | "endpoint-get" | "endpoint-list" | "endpoint-delete";

/**
 * Cilium starts at 0.5 creations a second and adjusts itself; a build takes milliseconds here, so the fixed rates are
 * far higher and only stop runaway callers.
 */
export const defaultRateLimits: Readonly<Record<RateLimitName, RateLimit>> = {
  "endpoint-create": { rate: 50, burst: 100, parallel: 8, maxWait: 60_000 },
  "endpoint-patch": { rate: 50, burst: 100, parallel: 8, maxWait: 15_000 },
  "endpoint-get": { rate: 500, burst: 500, parallel: 16, maxWait: 10_000 },
  "endpoint-list": { rate: 50, burst: 100, parallel: 4, maxWait: 10_000 },
  "endpoint-delete": { rate: 0, burst: 0, parallel: 8, maxWait: 60_000 },
};
