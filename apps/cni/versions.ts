// SPDX-License-Identifier: Apache-2.0
// CNI specification versions: which are spoken, and from which on a command exists.
import { CniError, cniCodes } from "./errors.ts";

export const supportedVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof supportedVersions)[number];

/** The newest one, for answers to requests whose version is not known. */
export const latestVersion: CniVersion = "1.1.0";

export const cniCommands = ["ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"] as const;

export type CniCommand = (typeof cniCommands)[number];

const since: Partial<Record<CniCommand, CniVersion>> = { CHECK: "0.4.0", STATUS: "1.1.0", GC: "1.1.0" };

/** A configuration without a version means 0.1.0. Throws CniError 1. */
export function parseVersion(text: unknown): CniVersion {
  if (text === undefined || text === "") return "0.1.0";
  const version = supportedVersions.find((supported) => supported === text);
  if (version !== undefined) return version;
  throw new CniError(
    cniCodes.incompatibleVersion,
    `Cannot use cniVersion ${typeof text === "string" ? `"${text}"` : "that is no text"}: not supported (supported: ${supportedVersions.join(", ")})`,
  );
}

/** Whether `version` is `other` or newer. */
export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(other);
}

/** Throws CniError 1 when the configuration's version does not know the command. */
export function requireCommand(command: CniCommand, version: CniVersion): void {
  const first = since[command];
  if (first === undefined || isAtLeast(version, first)) return;
  throw new CniError(
    cniCodes.incompatibleVersion,
    `Cannot ${command} with cniVersion "${version}": the command exists since ${first}`,
  );
}
