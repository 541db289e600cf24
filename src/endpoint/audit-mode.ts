// SPDX-License-Identifier: Apache-2.0
// Whether endpoints that do not say so themselves let denied packets pass; it may change while the agent runs.

/** As endpoints and their models read it. */
export interface ReadonlyAuditMode {
  readonly on: boolean;
}

/** The agent's mode. */
export class AuditMode implements ReadonlyAuditMode {
  readonly #changed: () => void;
  #on: boolean;

  /** `changed` is called after each change: it has all endpoints regenerated. */
  constructor(on: boolean, changed: () => void) {
    this.#on = on;
    this.#changed = changed;
  }

  get on(): boolean {
    return this.#on;
  }

  set(on: boolean): void {
    if (on === this.#on) return;
    this.#on = on;
    this.#changed();
  }
}
