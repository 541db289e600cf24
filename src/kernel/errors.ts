// SPDX-License-Identifier: Apache-2.0
// Errors of this folder. One class for each thing that a caller may want to catch.
import { errnoName } from "./errno.ts";
import { lastErrno } from "./ffi.ts";

export interface SyscallFailure {
  /** The system call, e.g. "bpf(BPF_MAP_CREATE)". */
  readonly call: string;
  readonly errno: number;
  /** "Cannot create map \"x\"", without errno and period. */
  readonly what: string;
  /** What the kernel said, or what to do; put in parentheses behind the errno. */
  readonly hint?: string | undefined;
}

/** A failed system call. `code` holds the errno's name ("EPERM"). */
export class SyscallError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(failure: SyscallFailure) {
    const code = errnoName(failure.errno);
    const hint = failure.hint ?? HINTS[code];
    super(`${failure.what}: ${code}${hint === undefined ? "" : ` (${hint})`}`);
    this.name = "SyscallError";
    this.call = failure.call;
    this.errno = failure.errno;
    this.code = code;
  }

  /** From the errno of the C function that was called last on this thread. */
  static last(call: string, what: string, hint?: string): SyscallError {
    return new SyscallError({ call, errno: lastErrno(), what, hint });
  }
}

const HINTS: Record<string, string | undefined> = {
  EPERM: "needs root: CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF",
  EMFILE: "too many open files: raise the limit with ulimit -n",
};

/** The verifier refused a program; the message is the last useful line of `log`. */
export class VerifierError extends Error {
  readonly program: string;
  readonly log: string;

  constructor(program: string, log: string) {
    super(`Cannot load program "${program}": ${lastUsefulLine(log)}`);
    this.name = "VerifierError";
    this.program = program;
    this.log = log;
  }
}

/** Skips the verifier's statistics and its register dumps at the end of a log. */
export function lastUsefulLine(log: string): string {
  const lines = log.split("\n").map((line) => line.trim());
  const useful = lines.filter(
    (line) =>
      line !== "" &&
      !/^(processed \d+ insns|verification time|stack depth|max_states_per_insn|-- |\d+: R\d+|peak_states)/.test(line),
  );
  return useful.at(-1) ?? "the verifier gave no reason";
}

/** The running kernel lacks something. */
export class UnsupportedFeatureError extends Error {
  readonly feature: string;
  readonly minKernel: string;
  readonly config: string;

  constructor(feature: { name: string; minKernel: string; config: string }, reason: string) {
    super(`Cannot use "${feature.name}": ${reason} (needs kernel ${feature.minKernel} with ${feature.config})`);
    this.name = "UnsupportedFeatureError";
    this.feature = feature.name;
    this.minKernel = feature.minKernel;
    this.config = feature.config;
  }
}

/** A map to be re-used differs from what the object declares. */
export class MapIncompatibleError extends Error {
  readonly map: string;
  readonly path: string;

  constructor(map: string, path: string, differences: readonly string[]) {
    super(`Cannot re-use map "${map}" at "${path}": ${differences.join(", ")} (remove the pin to start afresh)`);
    this.name = "MapIncompatibleError";
    this.map = map;
    this.path = path;
  }
}
