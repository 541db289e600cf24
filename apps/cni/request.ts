// SPDX-License-Identifier: Apache-2.0
// What a command gets to work with.
import type { AgentAt } from "./agent.ts";
import type { PluginConfig } from "./config.ts";

export interface Request {
  readonly config: PluginConfig;
  readonly env: NodeJS.ProcessEnv;
  /** How long to wait for an agent that is not there, in milliseconds. */
  readonly patience: number;
  readonly agentAt: AgentAt;
  /** Whether an agent ended in the middle of this very call, when it was handed over to it. */
  readonly isBegun: boolean;
  /** ADD tells that from now on what there is of the attachment is this call's. */
  readonly onBegun: () => void;
  /** For the log file: something went wrong that is no error of the command. */
  readonly warn: (message: string) => void;
}

/** What goes to stdout; undefined for nothing. */
export type Answer = Readonly<Record<string, unknown>> | undefined;
