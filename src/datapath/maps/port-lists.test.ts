// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { addsOnly, ownPart, portKey, portList, withAnybody } from "./port-lists.ts";
import type { PolicyMapPort, PortList } from "./types.ts";

const plain = { verdict: "allow", proxyPort: 0, authType: 0 } as const;

function entry(protocol: number, port: number, portPrefix: number, cookie: number): PolicyMapPort {
  return { ...plain, protocol, port, portPrefix, cookie };
}

/** The cookie of the narrowest entry. */
function answer(list: PortList, protocol: number, port: number): number | undefined {
  const covering = list.entries.filter(
    (item) =>
      item.protocol === 0 ||
      (item.protocol === protocol && port >> (16 - item.portPrefix) === item.port >> (16 - item.portPrefix)),
  );
  return covering.toSorted((a, b) => (a.protocol === 0 ? 1 : b.protocol === 0 ? -1 : b.portPrefix - a.portPrefix))[0]
    ?.cookie;
}

test("portList() has the same text for the same entries in whatever order, and another for others", () => {
  const [a, b] = [entry(6, 80, 16, 1), entry(17, 0, 0, 2)];
  assert.equal(portList([a, b]).text, portList([b, a]).text);
  const others = [
    { ...a, cookie: 3 },
    { ...a, verdict: "deny" as const },
    { ...a, isDefault: true as const },
  ];
  const staged = { ...a, staged: { verdict: "deny" as const, cookie: 4 } };
  const texts = [a, b, ...others, staged].map((item) => portList([item]).text);
  assert.equal(new Set(texts).size, texts.length);
  assert.equal(portList([a, { ...a, cookie: 9 }]).entries[0]?.cookie, 9, "the later one counts");
});

test("withAnybody() answers as asking the peer's entries first and then everybody's", () => {
  const prefixes = [
    [0, 0, 0],
    [6, 0, 0],
    [6, 0x8000, 1],
    [6, 0x8080, 12],
    [6, 0x8081, 16],
    [17, 0x8081, 16],
  ] as const;
  const packets = [
    [6, 80],
    [6, 0x8081],
    [6, 0x808f],
    [6, 0xffff],
    [17, 0x8081],
    [17, 53],
    [1, 8],
  ] as const;
  const pick = (bits: number, base: number) =>
    portList(
      prefixes.flatMap(([protocol, port, portPrefix], index) =>
        bits & (1 << index) ? [entry(protocol, port, portPrefix, base + index)] : [],
      ),
    );
  for (let own = 0; own < 64; own++) {
    for (let any = 0; any < 64; any++) {
      const [ours, theirs] = [pick(own, 100), pick(any, 200)];
      const both = withAnybody(ours, theirs);
      for (const [protocol, port] of packets) {
        const wanted = answer(ours, protocol, port) ?? answer(theirs, protocol, port);
        assert.equal(answer(both, protocol, port), wanted, `${ours.text} | ${theirs.text}: ${protocol}/${port}`);
      }
      assert.equal(ownPart(both).text, ours.text);
    }
  }
});

test("portKey() tells protocols, prefixes and ports apart", () => {
  const keys = [entry(6, 0, 0, 1), entry(6, 0, 16, 1), entry(6, 1, 16, 1), entry(7, 0, 0, 1), entry(0, 0, 0, 1)];
  assert.equal(new Set(keys.map(portKey)).size, keys.length);
});

test("addsOnly() is true only when nothing was taken away, changed or denied", () => {
  const [http, https] = [entry(6, 80, 16, 1), entry(6, 443, 16, 1)];
  const [small, large] = [portList([http]), portList([http, https])];
  assert.ok(addsOnly(small, large));
  assert.ok(addsOnly(undefined, large));
  assert.ok(addsOnly(small, small));
  assert.ok(!addsOnly(large, small));
  assert.ok(!addsOnly(small, undefined));
  assert.ok(!addsOnly(small, portList([{ ...http, cookie: 2 }, https])));
  assert.ok(!addsOnly(small, portList([http, { ...https, verdict: "deny" }])));
});
