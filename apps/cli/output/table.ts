// SPDX-License-Identifier: Apache-2.0
// Columns as Go's tabwriter aligns them.
export { alignLines, alignTable, type Line, nestedTable } from "../../../src/core/index.ts";
