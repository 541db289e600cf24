// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { IpMasqFileError, parseIpMasqFile } from "./ip-masq-file.ts";

const parse = (text: string | undefined) => parseIpMasqFile("/etc/masq", text);

test("a file that names prefixes excludes these, and link-local ones unless it says otherwise", () => {
  const { excluded, resync } = parse("nonMasqueradeCIDRs: [10.1.2.3/8, fd00::/8]\nresyncInterval: 30s\n");
  assert.deepEqual(excluded, ["10.0.0.0/8", "fd00::/8", "169.254.0.0/16", "fe80::/10"]);
  assert.equal(resync, 30_000);
  const json = '{"nonMasqueradeCIDRs": ["10.0.0.0/8"], "masqLinkLocal": true, "masqLinkLocalIPv6": true}';
  assert.deepEqual(parse(json), { excluded: ["10.0.0.0/8"], resync: 60_000 });
  assert.deepEqual(parse("nonMasqueradeCIDRs: []\nmasqLinkLocal: true\nmasqLinkLocalIPv6: true").excluded, []);
});

test("without a file, or with one that names none, private and reserved ranges are excluded", () => {
  for (const text of [undefined, "", "masqLinkLocal: false\n"]) {
    const { excluded } = parse(text);
    for (const prefix of ["10.0.0.0/8", "192.168.0.0/16", "240.0.0.0/4", "169.254.0.0/16"]) {
      assert.ok(excluded.includes(prefix), prefix);
    }
    assert.equal(excluded.length, 13);
  }
});

for (const [text, message] of [
  ["nonMasqueradeCIDRs: [10.0.0.0]", /\/etc\/masq": nonMasqueradeCIDRs\[0\] is "10\.0\.0\.0" \(expected a CIDR/],
  ["nonMasqueradeCIDRs: 10.0.0.0/8", /nonMasqueradeCIDRs: .*expected array/],
  ["masqLinkLocal: maybe", /masqLinkLocal: .*expected boolean/],
  ["resyncInterval: 0s", /resyncInterval is "0s" \(expected a duration of a second or more/],
  ["a: [", /\/etc\/masq:\d+": not valid YAML/],
  ["{}\n---\n{}", /several documents/],
] as const) {
  test(`"${text}" is refused with what was expected`, () => {
    assert.throws(
      () => parse(text),
      (error) => error instanceof IpMasqFileError && message.test(error.message),
    );
  });
}
