// SPDX-License-Identifier: Apache-2.0
// What a probe is.

export interface FeatureProbe {
  /** As users write it: lower case, underscores. */
  readonly name: string;
  /** First kernel that has it. */
  readonly minKernel: string;
  /** What it needs most of all in the kernel's configuration. */
  readonly config: string;
  /** Tries it; undefined when it works, else what happened. Leaves nothing behind. */
  probe(): string | undefined;
}
