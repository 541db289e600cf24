// SPDX-License-Identifier: Apache-2.0
// The prefilter's program over its real maps, compared with a list that is searched from its beginning to its end.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import "../../kernel/testing.ts";
import { cidrContains, formatCidr, ipFromBytes, ipToBytes, parseCidr } from "../../core/index.ts";
import { eventually, randomWords } from "../../core/testing.ts";
import { BpfMap, BpfProgram, createAnonymousNetns, Rtnetlink, withNetns } from "../../kernel/index.ts";
import { removeDatapath } from "../cleanup/remove.ts";
import { mapPinRoot } from "../maps/names.ts";
import { inPrivateNamespaces, objectDir, privateBpffs } from "../testing.ts";
import { Prefilter, PrefilterRevisionError } from "./prefilter.ts";
import { removePrefilter } from "./program.ts";

const DROP = 1;
const PASS = 2;

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const bpfRoot = privateBpffs();
  const stateFile = join(mkdtempSync(join(bpfRoot, "../state-")), "prefilter");
  const config = {
    ...{ bpfRoot, objectDir, stateFile, enableIpv4: true, enableIpv6: true },
    devices: ["phys+"],
    nodeAddresses: [],
  };
  let rtnl: Rtnetlink;
  let prefilter: Prefilter;
  const random = randomWords(20260101);

  before(() => {
    rtnl = new Rtnetlink();
    rtnl.createVeth({ name: "phys0", peer: { name: "peer0" } });
    prefilter = new Prefilter(config);
    prefilter.start();
  });
  after(() => {
    prefilter.stop();
    rtnl.close();
  });

  const restart = () => {
    prefilter.stop();
    prefilter = new Prefilter(config);
    prefilter.start();
  };
  /** What the program that is on the device does with a packet of this source. */
  const verdict = (source: string, tags = 0): number => {
    using program = BpfProgram.fromId(rtnl.link("phys0")?.xdpProgramId ?? 0);
    return program.testRun({ data: packetFrom(source, tags) }).retval;
  };
  const add = (...cidrs: string[]) => prefilter.change(0, cidrs, { remove: false });
  const remove = (...cidrs: string[]) => prefilter.change(0, cidrs, { remove: true });
  const clear = () => remove(...prefilter.denied());

  test("denies what is in a prefix and nothing else, of every length", () => {
    for (const family of [4, 6] as const) {
      const width = family === 4 ? 32 : 128;
      for (let bits = 0; bits <= width; bits++) {
        const inside = randomIp(random, family);
        const cidr = formatCidr(parseCidr(`${inside}/${bits}`));
        add(cidr);
        assert.equal(verdict(inside), DROP, `${inside} in ${cidr}`);
        if (bits > 0) assert.equal(verdict(flipBit(inside, bits - 1)), PASS, `beside ${cidr}`);
        remove(cidr);
        assert.equal(verdict(inside), PASS, `${inside} after ${cidr} went`);
      }
    }
  });

  test("agrees with a plain list while prefixes come and go", () => {
    const denied = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const fresh = Array.from({ length: 40 }, () => randomCidr(random));
      const old = [...denied].filter(() => random() % 4 === 0);
      add(...fresh);
      for (const cidr of fresh) denied.add(cidr);
      if (old.length > 0) remove(...old);
      for (const cidr of old) denied.delete(cidr);
      const parsed = [...denied].map((cidr) => parseCidr(cidr));
      for (let i = 0; i < 60; i++) {
        const near = parsed[random() % parsed.length];
        const source =
          i % 2 === 0 || near === undefined ? randomIp(random, random() % 2 === 0 ? 4 : 6) : inside(random, near);
        const expected = parsed.some((cidr) => cidrContains(cidr, source)) ? DROP : PASS;
        assert.equal(verdict(source), expected, `${source} in round ${round}`);
      }
    }
    assert.deepEqual(new Set(prefilter.denied()), denied);
    clear();
  });

  test("many at once go the same way as one by one, and go again", () => {
    const cidrs = Array.from({ length: 20_000 }, () => randomCidr(random));
    add(...cidrs);
    for (const cidr of cidrs.slice(0, 500)) assert.equal(verdict(inside(random, parseCidr(cidr))), DROP, cidr);
    remove(...new Set(cidrs));
    for (const cidr of cidrs.slice(0, 500)) assert.equal(verdict(inside(random, parseCidr(cidr))), PASS, cidr);
  });

  test("denies what no line has room for", () => {
    const short = Array.from({ length: 64 }, (_, n) => `2001:d${(n * 4).toString(16).padStart(2, "0")}::/30`);
    const long = Array.from({ length: 200 }, (_, n) => `fd00::${(n + 1).toString(16)}/128`);
    const prefixes = [...short, ...long].map((cidr) => parseCidr(cidr));
    const gone = prefixes.filter((_, n) => n % 3 === 0);
    const check = (some: typeof prefixes, expected: number) => {
      for (const prefix of some) assert.equal(verdict(inside(random, prefix)), expected, formatCidr(prefix));
    };
    add(...prefixes.map(formatCidr));
    check(prefixes, DROP);
    for (const beside of ["fd00::ffff", "fd00::", "2001:e00::1"]) assert.equal(verdict(beside), PASS, beside);
    remove(...gone.map(formatCidr));
    check(gone, PASS);
    check(
      prefixes.filter((_, n) => n % 3 !== 0),
      DROP,
    );
    clear();
    check(prefixes, PASS);
  });

  test("tables that only an earlier build used go when its program has gone", () => {
    const path = join(mapPinRoot(bpfRoot), "cilium_cidr_of_yesterday");
    using map = BpfMap.create({ type: "array", name: "of_yesterday", keySize: 4, valueSize: 4, maxEntries: 1 });
    map.pin(path);
    restart();
    assert.equal(existsSync(path), false);
  });

  test("threats: sees the source behind VLAN tags", () => {
    add("192.0.2.0/24", "2001:db8::/32");
    for (const tags of [0, 1, 2]) {
      assert.equal(verdict("192.0.2.9", tags), DROP);
      assert.equal(verdict("2001:db8::9", tags), DROP);
      assert.equal(verdict("198.51.100.9", tags), PASS);
    }
    clear();
  });

  test("goes on over a restart with the same list, and notices tables that were not written to their end", () => {
    add("192.0.2.0/25", "2001:db8::/48", "2001:db8:1::7/128");
    const { revision } = prefilter;
    prefilter.stop();
    assert.equal(verdict("192.0.2.9"), DROP);
    prefilter = new Prefilter(config);
    prefilter.start();
    assert.equal(prefilter.revision, revision);
    assert.deepEqual([...prefilter.denied()], ["192.0.2.0/25", "2001:db8::/48", "2001:db8:1::7/128"]);
    for (const source of ["192.0.2.9", "2001:db8::1", "2001:db8:1::7"]) assert.equal(verdict(source), DROP);
    prefilter.stop();
    removePrefilter(bpfRoot);
    assert.equal(rtnl.link("phys0")?.xdpProgramId, undefined);
    prefilter = new Prefilter(config);
    prefilter.start();
    for (const source of ["192.0.2.9", "2001:db8::1", "2001:db8:1::7"]) assert.equal(verdict(source), DROP);
    clear();
  });

  test("refuses a change whole: of another revision, with a bad prefix, of what is not there", () => {
    const { revision } = prefilter;
    const refused = (cidrs: string[], error: object, at = 0, less = false) =>
      assert.throws(() => prefilter.change(at, cidrs, { remove: less }), error);
    refused(["10.0.0.0/8"], PrefilterRevisionError, revision + 1);
    refused(["10.0.0.0/8", "10.0.0.0/33"], { message: /"10.0.0.0\/33"/ });
    refused(["10.0.0.0/8", "here"], { message: /"here"/ });
    refused(["10.0.0.0/8"], { message: /"10.0.0.0\/8": it is not in the list/ }, 0, true);
    assert.equal(prefilter.revision, revision);
    assert.equal(verdict("10.0.0.1"), PASS);
    assert.equal(prefilter.change(revision, ["10.1.2.3/8"], { remove: false }), 1);
    assert.deepEqual([...prefilter.denied()], ["10.0.0.0/8"]);
    clear();
  });

  test("a broken list is told, and what was denied stays so", () => {
    add("192.0.2.0/24", "2001:db8::/48", ...Array.from({ length: 50 }, (_, n) => `fd00::${n + 1}/128`));
    const sources = ["192.0.2.9", "2001:db8::1", "fd00::1", "fd00::50"];
    prefilter.stop();
    writeFileSync(stateFile, "nonsense");
    prefilter = new Prefilter(config);
    prefilter.start();
    assert.match(String(prefilter.failure), /Cannot read prefilter/);
    assert.throws(() => add("10.0.0.0/8"), { message: /Cannot read prefilter/ });
    for (const source of sources) assert.equal(verdict(source), DROP, source);
    rmSync(stateFile);
    restart();
    for (const source of sources) assert.equal(verdict(source), PASS, source);
  });

  test("stops packets of denied neighbours on the wire, and only those", () => {
    using outside = createAnonymousNetns();
    rtnl.createVeth({ name: "phys1", peer: { name: "out1", netns: outside } });
    const { ifindex } = rtnl.link("phys1") ?? { ifindex: 0 };
    rtnl.setLink("phys1", { up: true });
    rtnl.addAddress({ ifindex, address: "198.18.0.1", prefixLength: 24 });
    using other = new Rtnetlink({ netns: outside });
    const out = other.link("out1")?.ifindex ?? 0;
    other.setLink("out1", { up: true });
    for (const address of ["198.18.0.2", "198.18.0.3"]) other.addAddress({ ifindex: out, address, prefixLength: 24 });
    restart();
    const ping = (from: string) => withNetns(outside, () => pings(from, "198.18.0.1"));
    const silent = (from: string) => !withNetns(outside, () => pings(from, "198.18.0.1", 1));
    assert.ok(ping("198.18.0.2"));
    add("198.18.0.2/32");
    assert.ok(silent("198.18.0.2"));
    assert.ok(ping("198.18.0.3"));
    remove("198.18.0.2/32");
    assert.ok(ping("198.18.0.2"));
    assert.deepEqual(prefilter.devices, ["phys0", "phys1"]);
  });

  test("goes with the datapath's other state when that is cleaned up", async () => {
    add("192.0.2.0/24");
    prefilter.stop();
    await removeDatapath({ bpfRoot, scope: "bpf" });
    await eventually("no program on phys0", () => rtnl.link("phys0")?.xdpProgramId === undefined);
    const maps = mapPinRoot(bpfRoot);
    assert.deepEqual(existsSync(maps) ? readdirSync(maps) : [], []);
  });
}

/** An Ethernet frame with an IP header, behind so many VLAN tags. */
function packetFrom(source: string, tags: number): Uint8Array {
  const bytes = ipToBytes(source);
  const ipv4 = bytes.length === 4;
  const frame = Buffer.alloc(14 + tags * 4 + 60);
  for (let tag = 0; tag < tags; tag++) frame.writeUInt16BE(tag === 0 && tags > 1 ? 0x88a8 : 0x8100, 12 + tag * 4);
  frame.writeUInt16BE(ipv4 ? 0x0800 : 0x86dd, 12 + tags * 4);
  const ip = 14 + tags * 4;
  frame[ip] = ipv4 ? 0x45 : 0x60;
  frame.set(bytes, ip + (ipv4 ? 12 : 8));
  return frame;
}

/** Whether an answer comes within so many seconds. */
function pings(from: string, to: string, patience = 30): boolean {
  return spawnSync("ping", ["-c", "1", "-W", String(patience), "-I", from, to]).status === 0;
}

function randomIp(random: () => number, family: 4 | 6): string {
  const bytes = Uint8Array.from({ length: family === 4 ? 4 : 16 }, () => random() & 0xff);
  // A few neighbourhoods, so that prefixes meet.
  if (random() % 2 === 0) bytes.set([0x20, 0x01, 0x0d].slice(0, family === 4 ? 2 : 3));
  return ipFromBytes(bytes);
}

function randomCidr(random: () => number): string {
  const family = random() % 2 === 0 ? 4 : 6;
  const bits = 9 + (random() % (family === 4 ? 24 : 120));
  return formatCidr(parseCidr(`${randomIp(random, family)}/${bits}`));
}

/** A random address of the prefix. */
function inside(random: () => number, { ip, bits }: { readonly ip: string; readonly bits: number }): string {
  const bytes = ipToBytes(ip);
  for (let bit = bits; bit < bytes.length * 8; bit++) {
    if (random() % 2 === 0) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  }
  return ipFromBytes(bytes);
}

function flipBit(ip: string, bit: number): string {
  const bytes = ipToBytes(ip);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return ipFromBytes(bytes);
}
