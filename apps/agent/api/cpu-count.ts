// SPDX-License-Identifier: Apache-2.0
// How many processors there are.
import { cpus } from "node:os";

/** Counted once: the system reads a page of text for it. */
export const cpuCount = cpus().length;
