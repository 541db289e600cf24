// SPDX-License-Identifier: Apache-2.0
// The ip-masq-agent's file: which destinations see pods' own addresses. Pure.
import { z } from "zod";
import { CiliumError, formatCidr, parseDuration, tryParseCidr } from "../../src/core/index.ts";
import { readYaml } from "../../src/kubernetes/index.ts";

export interface IpMasqConfig {
  /** Prefixes of both families. */
  readonly excluded: readonly string[];
  /** Milliseconds between two looks at the file. */
  readonly resync: number;
}

/** The file cannot be used; what it said before stays. */
export class IpMasqFileError extends CiliumError {}

/** Excluded when the file names nothing: private, shared, documentation and reserved ranges, as Cilium has them. */
const defaultExcluded = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "240.0.0.0/4",
] as const;

const linkLocal = { ipv4: "169.254.0.0/16", ipv6: "fe80::/10" } as const;
const DEFAULT_RESYNC = 60_000;

const schema = z.object({
  nonMasqueradeCIDRs: z.array(z.string()).optional(),
  masqLinkLocal: z.boolean().optional(),
  masqLinkLocalIPv6: z.boolean().optional(),
  resyncInterval: z.string().optional(),
});

/** What holds by a file of that text, YAML or JSON; undefined: there is no file. Throws IpMasqFileError. */
export function parseIpMasqFile(path: string, text: string | undefined): IpMasqConfig {
  const fail = (problem: string, line?: number) => {
    const place = line === undefined ? "" : `:${line}`;
    return new IpMasqFileError(`Cannot use the ip-masq-agent's file "${path}${place}": ${problem}`);
  };
  const [first, second] = text === undefined ? [] : readYaml(text, (problem, _, line) => fail(problem, line));
  if (second !== undefined) throw fail("it has several documents (expected one)");
  const result = schema.safeParse(first?.value ?? {});
  if (!result.success) {
    const [issue] = result.error.issues;
    throw fail(`${issue?.path.join(".") || "it"}: ${issue?.message ?? "not as expected"}`);
  }
  const { nonMasqueradeCIDRs = defaultExcluded, masqLinkLocal, masqLinkLocalIPv6, resyncInterval } = result.data;
  const resync = resyncInterval === undefined ? DEFAULT_RESYNC : parseDuration(resyncInterval);
  if (resync === undefined || resync < 1000) {
    throw fail(`resyncInterval is "${resyncInterval}" (expected a duration of a second or more, such as 60s)`);
  }
  const excluded = nonMasqueradeCIDRs.map((prefix, index) => {
    const parsed = tryParseCidr(prefix);
    if (parsed === undefined)
      throw fail(`nonMasqueradeCIDRs[${index}] is "${prefix}" (expected a CIDR such as 10.0.0.0/8)`);
    return formatCidr(parsed);
  });
  if (masqLinkLocal !== true) excluded.push(linkLocal.ipv4);
  if (masqLinkLocalIPv6 !== true) excluded.push(linkLocal.ipv6);
  return { excluded: [...new Set(excluded)], resync };
}
