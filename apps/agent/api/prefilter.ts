// SPDX-License-Identifier: Apache-2.0
// The prefilter calls of the REST API.
import { ApiError, type PrefilterApi } from "../../../src/api/index.ts";
import { FormatError } from "../../../src/core/index.ts";
import { DatapathError, type Prefilter } from "../../../src/datapath/index.ts";

/** Cilium's status for a prefix that cannot be read. */
const INVALID_CIDR = 461;

/** Nothing when the prefilter is off. */
export function createPrefilterCalls(prefilter: Prefilter | undefined): { readonly prefilter?: PrefilterApi } {
  if (prefilter === undefined) return {};
  const change = (revision: number, deny: readonly string[], remove: boolean) => {
    try {
      prefilter.change(revision, deny, { remove });
    } catch (error) {
      if (error instanceof FormatError) throw new ApiError(INVALID_CIDR, error.message, error);
      if (error instanceof DatapathError) throw new ApiError(500, error.message, error);
      throw error;
    }
  };
  return {
    prefilter: {
      revision: () => prefilter.revision,
      denied: () => [...prefilter.denied()],
      update: (revision, deny) => change(revision, deny, false),
      delete: (revision, deny) => change(revision, deny, true),
    },
  };
}
