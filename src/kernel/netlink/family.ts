// SPDX-License-Identifier: Apache-2.0
// Numbers that addresses, routes, rules and neighbours share.
import type { Family } from "../address.ts";

const AF_INET = 2;
const AF_INET6 = 10;

const SCOPES = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
export type Scope = keyof typeof SCOPES;

/** 0 (any) for undefined. */
export function familyNumber(family: Family | undefined): number {
  return family === undefined ? 0 : family === 4 ? AF_INET : AF_INET6;
}

/** Undefined for what is not IP. */
export function familyOf(number: number): Family | undefined {
  return number === AF_INET ? 4 : number === AF_INET6 ? 6 : undefined;
}

export function scopeNumber(scope: Scope): number {
  return SCOPES[scope];
}

export function scopeName(number: number): Scope {
  for (const [name, value] of Object.entries(SCOPES)) if (value === number) return name as Scope;
  return "universe";
}

/** "0.0.0.0/0" and "::/0" when there are no bytes. */
export function anyAddress(family: Family): string {
  return family === 4 ? "0.0.0.0" : "::";
}
