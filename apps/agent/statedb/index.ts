// SPDX-License-Identifier: Apache-2.0
// The agent's tables, served.
export { createStatedbApi } from "./api.ts";
export { type StatedbDeps, statedbTables } from "./tables.ts";
