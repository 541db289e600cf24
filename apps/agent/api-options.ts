// SPDX-License-Identifier: Apache-2.0
// Configuration keys of what the agent serves: its API, and its metrics. Names and defaults are Cilium's.
import { parseRateLimits, rateLimitsExpected } from "../../src/api/index.ts";
import { configTypes, defineOption, isMetricChoice } from "../../src/core/index.ts";

const { boolean, list, parsed, pattern } = configTypes;

export const apiOptions = {
  apiAccess: defineOption({
    name: "enable-cilium-api-server-access",
    schema: list(),
    default: ["*"] as readonly string[],
    description: "Calls of the REST API that are served, such as GetHealthz or Get*",
  }),
  healthApiAccess: defineOption({
    name: "enable-cilium-health-api-server-access",
    schema: list(),
    default: ["*"] as readonly string[],
    description: "Calls of cilium-health's API that are served",
  }),
  enableApiRateLimit: defineOption({
    name: "enable-api-rate-limit",
    schema: boolean(),
    default: true,
    description: "Limit how many calls of the REST API come at a time and a second",
  }),
  apiRateLimit: defineOption({
    name: "api-rate-limit",
    schema: parsed(parseRateLimits, rateLimitsExpected, true),
    default: new Map<string, string>() as ReadonlyMap<string, string>,
    description: "What is to be different from the limits by default; they adjust themselves to what calls take",
  }),
  prometheus: defineOption({
    name: "prometheus-serve-addr",
    schema: pattern(/^(\[[0-9a-f:]*\]|[0-9.]*):\d{1,5}$/, "ADDRESS:PORT, or :PORT"),
    default: "",
    description: "Where metrics are served; empty: nowhere",
  }),
  metrics: defineOption({
    name: "metrics",
    schema: list("+NAME or -NAME of metrics apart by spaces or commas, such as +cilium_x -cilium_y", isMetricChoice),
    default: [] as readonly string[],
    description: "Metrics that are there beside those by default, and those of them that are not",
  }),
} as const;
