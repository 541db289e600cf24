// SPDX-License-Identifier: Apache-2.0
// What a part of a program looks like to the one who starts and stops it.

/** A module's state as `status` shows it. */
export interface Health {
  readonly state: "ok" | "degraded" | "stopped";
  readonly message?: string;
}

/** A part of a program with a life: started in list order, stopped in reverse. */
export interface Module {
  readonly name: string;
  /** Resolves when others may use the module. `signal` aborts when the program is to stop. */
  start(signal: AbortSignal): Promise<void>;
  /** Gives back everything that start took. Called once, also when a later module's start failed. */
  stop?(): Promise<void>;
  health?(): Health;
}
