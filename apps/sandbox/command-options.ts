// SPDX-License-Identifier: Apache-2.0
// Options that several commands share.
import { InvalidArgumentError, Option } from "commander";

export const nameOption = (): Option => new Option("--name <name>", "which sandbox").default("default");
export const outputOption = (): Option => new Option("-o, --output <form>", "json, yaml or jsonpath=TEMPLATE");
export const namespaceOption = (): Option => new Option("-n, --namespace <namespace>", "namespace").default("default");

export function wholeNumber(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a whole number.`);
  return Number(text);
}
