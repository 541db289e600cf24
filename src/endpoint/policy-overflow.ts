// SPDX-License-Identifier: Apache-2.0
// When a policy does not fit into the kernel's maps: which of the endpoint's policies makes it so large.
import { CiliumError, createLogger } from "../core/index.ts";
import { Errno, SyscallError } from "../kernel/index.ts";
import type { PeerPorts } from "./deps.ts";

const log = createLogger("policy-overflow");

/** A map is full; `policy` (`namespace/name`, empty: unknown) has most of the entries that were to be written. */
class PolicyOverflowError extends CiliumError {
  readonly policy: string;
  /** Of this policy. */
  readonly entries: number;

  constructor(policy: string, entries: number, all: number, cause: Error) {
    const who = policy === "" ? "" : `, policy "${policy}" adds most: ${entries} of ${all} entries`;
    super(`${cause.message}${who} (narrow it or raise bpf-policy-map-max)`, { code: "policy-overflow", cause });
    this.policy = policy;
    this.entries = entries;
  }
}

/** Endpoints whose policy does not fit into the maps. */
export class PolicyOverflows {
  readonly #errors = new Map<number, PolicyOverflowError>();

  /** What came of endpoints' updates. */
  note(endpoints: Iterable<{ readonly id: number }>, failed: ReadonlyMap<number, Error>): void {
    for (const { id } of endpoints) {
      const error = failed.get(id);
      if (!(error instanceof PolicyOverflowError)) {
        this.#errors.delete(id);
        continue;
      }
      const { message, policy } = error;
      if (this.#errors.get(id)?.message !== message) {
        log.error("Policy does not fit, the last good state stays", { endpoint: id, policy, error: message });
      }
      this.#errors.set(id, error);
    }
  }

  delete(endpoint: number): void {
    this.#errors.delete(endpoint);
  }

  /** Policies that add most to one of them, and their entries there. */
  largest(): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const { policy, entries } of this.#errors.values()) {
      found.set(policy, Math.max(entries, found.get(policy) ?? 0));
    }
    return found;
  }
}

/** Does what writes a policy; a full map becomes a PolicyOverflowError. */
export function namingLargest<T>(
  policy: PeerPorts,
  policyOf: ((cookie: number) => string | undefined) | undefined,
  write: () => T,
): T {
  try {
    return write();
  } catch (thrown) {
    if (!(thrown instanceof SyscallError) || (thrown.errno !== Errno.E2BIG && thrown.errno !== Errno.ENOSPC))
      throw thrown;
    const [name, entries, all] = largest(policy, policyOf ?? (() => undefined));
    throw new PolicyOverflowError(name, entries, all, thrown);
  }
}

function largest(
  { groups }: PeerPorts,
  policyOf: (cookie: number) => string | undefined,
): readonly [name: string, entries: number, all: number] {
  const byCookie = new Map<number, number>();
  let all = 0;
  for (const ports of groups.values()) {
    all += ports.size;
    for (const { cookie } of ports.values()) byCookie.set(cookie, (byCookie.get(cookie) ?? 0) + 1);
  }
  const byPolicy = new Map<string, number>();
  for (const [cookie, entries] of byCookie) {
    const name = policyOf(cookie);
    if (name !== undefined) byPolicy.set(name, (byPolicy.get(name) ?? 0) + entries);
  }
  const [name = "", entries = 0] = [...byPolicy].sort((a, b) => b[1] - a[1])[0] ?? [];
  return [name, entries, all];
}
