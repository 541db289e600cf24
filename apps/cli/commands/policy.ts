// SPDX-License-Identifier: Apache-2.0
// policy: the group of commands about network policies.
import type { CommandSpec } from "../define.ts";
import { deletePolicy } from "./policy/delete.ts";
import { diff } from "./policy/diff.ts";
import { get } from "./policy/get.ts";
import { hits } from "./policy/hits.ts";
import { importPolicies } from "./policy/import.ts";
import { lint } from "./policy/lint.ts";
import { selectors, subjectSelectors } from "./policy/selectors.ts";
import { simulate } from "./policy/simulate.ts";
import { trace } from "./policy/trace.ts";
import { validate } from "./policy/validate.ts";
import { wait } from "./policy/wait.ts";

export const policy: CommandSpec = {
  usage: "policy",
  summary: "Network policies",
  commands: [
    get,
    importPolicies,
    deletePolicy,
    validate,
    selectors,
    subjectSelectors,
    wait,
    simulate,
    trace,
    lint,
    diff,
    hits,
  ],
};
