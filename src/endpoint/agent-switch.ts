// SPDX-License-Identifier: Apache-2.0
// Options of the agent that hold for endpoints which do not say so themselves; they may change while the agent runs.

/** As endpoints and their models read it. */
export interface ReadonlySwitch {
  readonly on: boolean;
}

/** One such option. */
export class AgentSwitch implements ReadonlySwitch {
  readonly #changed: () => void;
  #on: boolean;

  /** `changed` is called after each change; default nothing. */
  constructor(on: boolean, changed: () => void = () => {}) {
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

/** The agent's options by the names that an endpoint's own have. */
export interface EndpointDefaults {
  readonly auditMode: ReadonlySwitch;
  readonly sourceIpVerification: ReadonlySwitch;
  readonly debugPolicy: ReadonlySwitch;
}
