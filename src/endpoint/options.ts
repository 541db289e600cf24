// SPDX-License-Identifier: Apache-2.0
// Options of one endpoint: what it does not decide itself is as the agent's configuration says. Pure.
import { z } from "zod";
import type { EndpointConfigRow } from "../datapath/index.ts";
import type { EndpointDefaults } from "./agent-switch.ts";
import type { EndpointOptions, EndpointRow } from "./types.ts";

const flag = z.boolean().optional();

const options = z.strictObject({
  ...{ auditMode: flag, drop: flag, trace: flag, policyVerdict: flag, sourceIpVerification: flag },
  ...{ debug: flag, debugLb: flag, debugPolicy: flag },
  aggregation: z.enum(["none", "low", "medium", "maximum"]).optional(),
});

/** As they are kept on disk; earlier versions had the audit mode alone. */
export const storedOptions = { options: options.optional(), auditMode: flag };

interface StoredOptions {
  readonly options?: z.infer<typeof options> | undefined;
  readonly auditMode?: boolean | undefined;
}

/** As a row has them. */
export function readOptions({ auditMode, options }: StoredOptions): Pick<EndpointRow, "options"> {
  const read = present({ auditMode, ...options });
  return read === undefined ? {} : { options: read };
}

/** Options to change; `undefined` leaves the option to the agent again. */
export type OptionChanges = { readonly [Name in keyof EndpointOptions]?: EndpointOptions[Name] | undefined };

/** Undefined when nothing is left that the endpoint decides itself. */
export function changedOptions(options: EndpointOptions, changes: OptionChanges): EndpointOptions | undefined {
  return present({ ...options, ...changes });
}

/** Without what is undefined; undefined when that leaves nothing. */
export function present(options: OptionChanges): EndpointOptions | undefined {
  const left = Object.entries(options).filter(([, value]) => value !== undefined);
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

/** Whether denied packets pass, reported as audited. */
export function isAudited(row: Pick<EndpointRow, "options">, agent: Pick<EndpointDefaults, "auditMode">): boolean {
  return row.options?.auditMode ?? agent.auditMode.on;
}

/** Whether each regeneration is logged. */
export function isTold({ options }: EndpointRow, { debugPolicy }: EndpointDefaults): boolean {
  return options?.debug === true || (options?.debugPolicy ?? debugPolicy.on);
}

/** The part of the endpoint's slot that its options make. */
export function optionSlot(
  row: EndpointRow,
  agent: EndpointDefaults,
): Pick<EndpointConfigRow, "audit" | "monitor" | "anySource"> {
  const { drop, trace, policyVerdict, aggregation, sourceIpVerification } = row.options ?? {};
  const monitor = present({ drop, trace, policyVerdict, aggregation });
  return {
    audit: isAudited(row, agent),
    ...(monitor !== undefined && { monitor }),
    ...(!(sourceIpVerification ?? agent.sourceIpVerification.on) && { anySource: true }),
  };
}
