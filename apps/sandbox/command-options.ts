// SPDX-License-Identifier: Apache-2.0
// Options that several commands share.
import { Option } from "commander";

export const nameOption = (): Option => new Option("--name <name>", "which sandbox").default("default");
export const outputOption = (): Option => new Option("-o, --output <form>", "json, yaml or jsonpath=TEMPLATE");
export const namespaceOption = (): Option => new Option("-n, --namespace <namespace>", "namespace").default("default");
