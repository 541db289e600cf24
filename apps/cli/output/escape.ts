// SPDX-License-Identifier: Apache-2.0
// Text from labels, names and messages must not steer the terminal.
export { isDangerous, neutralise, neutraliseCell, neutraliseJson, neutraliseLine } from "../../../src/core/index.ts";
