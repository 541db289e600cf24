// SPDX-License-Identifier: Apache-2.0
// The only import door of apps/cli, for tests of the product as a whole.
export { commandPaths, run } from "./program.ts";
