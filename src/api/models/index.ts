// SPDX-License-Identifier: Apache-2.0
// All models by the names that the OpenAPI description has for them.
import type { z } from "zod";
import * as config from "./config.ts";
import * as daemon from "./daemon.ts";
import * as endpoint from "./endpoint.ts";
import * as health from "./health.ts";
import * as identity from "./identity.ts";
import * as ipam from "./ipam.ts";
import * as map from "./map.ts";
import * as node from "./node.ts";
import * as policy from "./policy.ts";
import * as request from "./request.ts";
import * as statedb from "./statedb.ts";
import * as status from "./status.ts";

export const models = {
  ...config,
  ...daemon,
  ...endpoint,
  ...health,
  ...identity,
  ...ipam,
  ...map,
  ...node,
  ...policy,
  ...request,
  ...statedb,
  ...status,
} satisfies Readonly<Record<string, z.ZodType>>;

export type ModelName = keyof typeof models;
