// SPDX-License-Identifier: Apache-2.0
// The prefilter's lists on disk: a line of JSON, then the prefixes of both families, packed and sorted.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { errorChain, replaceFile } from "../../core/index.ts";
import { DatapathError } from "../errors.ts";
import { PrefixList } from "./prefix-list.ts";

/** What is denied, as of one revision. */
export interface PrefilterLists {
  /** From 1 on. */
  readonly revision: number;
  readonly ipv4: PrefixList;
  readonly ipv6: PrefixList;
}

interface Header {
  readonly revision: number;
  /** Bytes of each family. */
  readonly ipv4: number;
  readonly ipv6: number;
  readonly sha256: string;
}

/** Nobody is denied. */
function emptyLists(): PrefilterLists {
  return { revision: 1, ipv4: PrefixList.empty(4), ipv6: PrefixList.empty(6) };
}

/** Replaces the file at once. */
export function saveLists(path: string, { revision, ipv4, ipv6 }: PrefilterLists): void {
  const body = Buffer.concat([ipv4.pack(), ipv6.pack()]);
  const header: Header = { revision, ipv4: ipv4.pack().length, ipv6: ipv6.pack().length, sha256: digest(body) };
  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]), { durable: true });
}

/** Empty lists without a file. Throws when there is one that was not written to its end or was changed since. */
export function loadLists(path: string): PrefilterLists {
  if (!existsSync(path)) return emptyLists();
  try {
    return parse(readFileSync(path));
  } catch (error) {
    const advice = "what was denied stays so; remove the file to begin with nobody denied";
    throw new DatapathError(`Cannot read prefilter "${path}": ${errorChain(error)} (${advice})`, { cause: error });
  }
}

function parse(bytes: Buffer): PrefilterLists {
  const end = bytes.indexOf(0x0a);
  const header = JSON.parse(bytes.toString("utf8", 0, Math.max(0, end))) as Partial<Header>;
  const body = bytes.subarray(end + 1);
  const { revision, ipv4, ipv6, sha256 } = header;
  if (revision === undefined || !Number.isInteger(revision) || revision < 1)
    throw new Error(`revision is ${revision}, expected a number from 1 on`);
  if (ipv4 === undefined || ipv6 === undefined || ipv4 + ipv6 !== body.length) {
    throw new Error(`${body.length} bytes of prefixes, expected ${ipv4} and ${ipv6}`);
  }
  if (digest(body) !== sha256) throw new Error(`the checksum is not ${sha256}, which stands in its first line`);
  return {
    revision,
    ipv4: PrefixList.unpack(4, new Uint8Array(body.subarray(0, ipv4))),
    ipv6: PrefixList.unpack(6, new Uint8Array(body.subarray(ipv4))),
  };
}

function digest(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}
