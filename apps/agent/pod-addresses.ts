// SPDX-License-Identifier: Apache-2.0
// Labels that pods have by their addresses, where CIDR rules match pods (`policy-cidr-match-mode`).
import type { Label } from "../../src/core/index.ts";
import { labelsOfAddresses, type PolicyEngine } from "../../src/policy/index.ts";

/** Follows the prefixes of the policies in force; says nothing before all of them are known. */
export class PodAddresses {
  readonly #engine: Pick<PolicyEngine, "prefixes">;
  readonly #listeners = new Set<() => void>();
  #open = false;
  #announced = false;

  constructor(engine: Pick<PolicyEngine, "prefixes">) {
    this.#engine = engine;
  }

  /** One label for each address that a policy speaks of; undefined: not known yet. */
  readonly labelsOf = (ips: readonly string[]): readonly Label[] | undefined =>
    this.#open ? labelsOfAddresses(ips, this.#engine.prefixes()) : undefined;

  /** All policies are known. */
  open(): void {
    this.#open = true;
    this.changed();
  }

  /** Policies, or what they refer to, have changed: listeners are called once for all changes of this turn. */
  changed(): void {
    if (!this.#open || this.#announced) return;
    this.#announced = true;
    setImmediate(() => {
      this.#announced = false;
      for (const listener of this.#listeners) listener();
    });
  }

  readonly onChange = (listener: () => void): Disposable => {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  };
}
