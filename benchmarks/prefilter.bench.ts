// SPDX-License-Identifier: Apache-2.0
// The prefilter with a million prefixes: how long they take to load, and what a packet costs then (BPF_PROG_TEST_RUN).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ipFromBytes } from "../src/core/index.ts";
import { keyBits, PrefilterMaps, type PrefixKey, PrefixList, prefixKey } from "../src/datapath/index.ts";
import { type BpfObject, type BpfProgram, loadObject } from "../src/kernel/index.ts";
import { u32le } from "../tests/datapath/world.ts";
import { Random } from "../tests/fuzz/random.ts";
import { type Benchmark, type Figures, median, type Ratio, type Row, ratio, row } from "./harness.ts";

const PREFIXES = 1_000_000;
const LOAD_SECONDS = 10;
const PACKET_NS = 150;
const ROUNDS = 5;
/** TEST_SOURCES of bpf/tests/repeat-xdp.bpf.c. */
const SOURCES = 2 ** 18;
const objects = join(import.meta.dirname, "../build/bpf");

/** Shares of the prefix lengths, like those of published block lists and routing tables, with every second length. */
const lengths: Readonly<Record<4 | 6, readonly (readonly [bits: number, share: number])[]>> = {
  4: [
    ...([
      [8, 0.00001],
      [12, 0.0001],
      [16, 0.01],
      [18, 0.01],
      [20, 0.02],
      [22, 0.05],
      [24, 0.31],
    ] as const),
    ...([
      [26, 0.05],
      [28, 0.1],
      [30, 0.1],
      [31, 0.05],
      [32, 0.3],
    ] as const),
  ],
  6: [
    ...([
      [28, 0.001],
      [32, 0.1],
      [36, 0.05],
      [40, 0.1],
      [44, 0.1],
      [48, 0.25],
      [52, 0.05],
      [56, 0.1],
    ] as const),
    ...([
      [60, 0.04],
      [64, 0.1],
      [96, 0.01],
      [128, 0.1],
    ] as const),
  ],
};

interface Variant {
  readonly name: string;
  readonly family: 4 | 6;
  /** How many prefixes of 24 bits hold all the others; undefined: as chance has it. */
  readonly cells?: number;
}

const variants: readonly Variant[] = [
  { name: "IPv4", family: 4 },
  { name: "IPv6", family: 6 },
  { name: "IPv6 in 1,000 blocks", family: 6, cells: 1000 },
];

type Kind = "random source" | "half of them denied" | "all denied";
const kinds: readonly Kind[] = ["random source", "half of them denied", "all denied"];

export const bench: Benchmark = {
  name: "prefilter",
  description: "A million denied prefixes of mixed lengths: seconds to load, ns a packet",
  run,
};

async function run(progress: (line: string) => void): Promise<Figures> {
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  for (const variant of variants) {
    const { name, family } = variant;
    progress(`${name}: prefixes`);
    using xdp = loadObject(readFileSync(join(objects, "xdp.o")), { name: "xdp.o" });
    using repeater = loadObject(readFileSync(join(objects, "tests/repeat-xdp.o")), { name: "repeat-xdp.o" });
    const random = new Random(20261121).uint32;
    const texts = randomPrefixes(random, variant);
    progress(`${name}: load`);
    const { keys, seconds } = load(xdp, texts, family);
    rows.push(row(`load ${PREFIXES} prefixes`, name, "s", [seconds]));
    ratios.push(ratio(`seconds to load ${PREFIXES} prefixes, ${name}`, seconds, "at most", LOAD_SECONDS));
    for (const kind of kinds) {
      progress(`${name}: ${kind}`);
      writeSources(repeater, random, family, keys, kind);
      const ns = measure(repeater, xdp.program("cil_xdp_entry"), family);
      rows.push(row(`a packet, ${kind}`, name, "ns", ns));
      ratios.push(ratio(`ns a packet, ${kind}, ${name}`, median(ns), "at most", PACKET_NS));
    }
  }
  return { rows, ratios };
}

/** From texts to the maps, as the agent does it. */
function load(xdp: BpfObject, texts: ReadonlySet<string>, family: 4 | 6) {
  const maps = new PrefilterMaps({
    direct: xdp.map("cilium_cidr_direct"),
    ipv4: xdp.map("cilium_cidr_v4"),
    lines: xdp.map("cilium_cidr_lines"),
    nodes6: xdp.map("cilium_cidr_nodes6"),
    state: xdp.map("cilium_cidr_state"),
  });
  const started = performance.now();
  const keys = new Set<PrefixKey>();
  for (const text of texts) keys.add(prefixKey(text));
  const empty = PrefixList.empty(family);
  maps.write(2, () => maps.change(empty, empty.change(keys, new Set()), keys));
  return { keys: [...keys], seconds: (performance.now() - started) / 1000 };
}

/** ns of one run of the program, a sample a round, each packet from the next source. */
function measure(repeater: BpfObject, program: BpfProgram, family: 4 | 6): number[] {
  const data = new Uint8Array(64);
  data.set(family === 4 ? [8, 0, 0x45] : [0x86, 0xdd, 0x60], 12);
  const ns = (measured: BpfProgram): number => {
    repeater.map("test_calls").update(u32le(0), u32le(measured.fd.value));
    return repeater.program("repeat").testRun({ data, repeat: 2 * SOURCES }).durationNs;
  };
  return Array.from({ length: ROUNDS }, () => {
    const base = ns(repeater.program("nothing"));
    return ns(program) - base;
  });
}

function writeSources(
  repeater: BpfObject,
  random: () => number,
  family: 4 | 6,
  keys: readonly string[],
  kind: Kind,
): void {
  const values = new Uint8Array(SOURCES * 16);
  for (let index = 0; index < SOURCES; index++) {
    const bytes = randomBytes(random, family);
    const denied = kind === "all denied" || (kind === "half of them denied" && index % 2 === 0);
    const key = denied ? (keys[random() % keys.length] ?? "") : "";
    for (let bit = 0; key !== "" && bit < keyBits(key); bit++) copyBit(bytes, key, bit);
    values.set(bytes, index * 16);
  }
  const indexes = Uint32Array.from({ length: SOURCES }, (_, index) => index);
  repeater.map("test_sources").updateBatch(new Uint8Array(indexes.buffer), values, SOURCES);
}

function copyBit(bytes: Uint8Array, key: PrefixKey, bit: number): void {
  const mask = 0x80 >> (bit & 7);
  bytes[bit >> 3] = ((bytes[bit >> 3] ?? 0) & ~mask) | (key.charCodeAt(bit >> 3) & mask);
}

function randomPrefixes(random: () => number, { family, cells = 0 }: Variant): Set<string> {
  const blocks = Array.from({ length: cells }, () => randomBytes(random, family).subarray(0, 3));
  const texts = new Set<string>();
  while (texts.size < PREFIXES) {
    const bytes = randomBytes(random, family);
    bytes.set(blocks[random() % cells] ?? []);
    texts.add(`${ipFromBytes(bytes)}/${pickLength(random, family)}`);
  }
  return texts;
}

function pickLength(random: () => number, family: 4 | 6): number {
  let rest = random() / 2 ** 32;
  for (const [bits, share] of lengths[family]) {
    rest -= share;
    if (rest < 0) return bits;
  }
  return family === 4 ? 32 : 128;
}

/** IPv4 of 1.0.0.0 to 223.255.255.255, IPv6 of 2000::/3. */
function randomBytes(random: () => number, family: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  for (let offset = 0; offset < bytes.length; offset += 4) view.setUint32(offset, random());
  bytes[0] = family === 4 ? 1 + ((bytes[0] ?? 0) % 223) : 0x20 | ((bytes[0] ?? 0) & 0x1f);
  return bytes;
}
