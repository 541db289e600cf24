// SPDX-License-Identifier: Apache-2.0
// Sysctls back as they were before the datapath, but for what somebody else has set since.
import { errorChain } from "../../core/index.ts";
import { writeSysctl } from "../../kernel/index.ts";
import { leaderOf, pingGroups, sysctlOrNothing, wantedSysctls } from "./sysctls.ts";

/** What became of a setting when it was to be as before. */
export interface RestoredSysctl {
  readonly name: string;
  readonly before: string;
  /** Why it stays as it is. */
  readonly left?: string;
}

/** A setting as it is before the first is written, and why it is to stay so. */
interface Found extends RestoredSysctl {
  readonly now: string;
}

type Values = ReadonlyMap<string, string>;

const ours: Values = new Map(wantedSysctls({ enableIpv4: true, enableIpv6: true }, []));

/**
 * Puts settings back to what they were, those of the namespace before those that follow them. What is not as we, or
 * the kernel because of us, made it has been changed by somebody else: it stays, with all that follows it. Returns
 * those that differed; what cannot be read or written is `left` with the error, not thrown.
 */
export function restoreSysctls(before: Values): readonly RestoredSysctl[] {
  // All are looked at first: writing one makes the kernel change those that follow it.
  const found = [...before.keys()].flatMap((name) => look(name, before) ?? []);
  const kept = new Set(found.filter(({ left }) => left !== undefined).map(({ name }) => name));
  const free = found.filter(({ name }) => !kept.has(leaderOf(name)?.leader ?? ""));
  const leaders = free.filter(({ name }) => ours.has(name));
  const followers = free.filter(({ name }) => !ours.has(name));
  return [...leaders, ...followers].flatMap(restore);
}

/** Also puts back what changed along with another one. */
function restore({ name, before, now, left }: Found): RestoredSysctl[] {
  const wanted = left === undefined ? before : now;
  try {
    const value = sysctlOrNothing(name);
    if (value !== undefined && value !== wanted) writeSysctl(name, wanted);
  } catch (error) {
    return [{ name, before, left: errorChain(error) }];
  }
  if (left !== undefined) return [{ name, before, left }];
  return now === before ? [] : [{ name, before }];
}

/** Undefined when there is no such setting any more. */
function look(name: string, all: Values): Found | undefined {
  const before = all.get(name) ?? "";
  try {
    const now = sysctlOrNothing(name);
    if (now === undefined || now === before) return now === undefined ? undefined : { name, before, now };
    const left = now === madeOf(name, all) ? reasonToLeave(name, before, all) : `somebody has set it to ${now}`;
    return { name, before, now, ...(left === undefined ? {} : { left }) };
  } catch (error) {
    return { name, before, now: before, left: errorChain(error) };
  }
}

/** What we made of a setting; undefined where we had nothing to change. */
function madeOf(name: string, before: Values): string | undefined {
  if (name === pingGroups) return withRoot(before.get(name));
  const wanted = ours.get(name);
  if (wanted !== undefined) return wanted;
  const lead = leaderOf(name);
  return lead === undefined || before.get(lead.leader) === ours.get(lead.leader) ? undefined : lead.made;
}

/** The range of groups, with root's; the kernel writes a tab between both ends, and 1 and 0 for none. */
function withRoot(range = ""): string {
  const [low = 1, high = 0] = range.split(/\s+/).map(Number);
  return `0\t${low > high ? 0 : high}`;
}

/** Switching IPv6 off everywhere would take the addresses of devices that had it before. */
function reasonToLeave(name: string, value: string, before: Values): string | undefined {
  if (name !== "net/ipv6/conf/all/disable_ipv6" || value === "0") return undefined;
  const devices = [...before].flatMap(([other, was]) => {
    const device = /^net\/ipv6\/conf\/(.+)\/disable_ipv6$/.exec(other)?.[1];
    return device !== undefined && device !== "all" && was === "0" && device !== "default" ? [device] : [];
  });
  return devices.length === 0 ? undefined : `the addresses of ${devices.join(", ")} would go`;
}
