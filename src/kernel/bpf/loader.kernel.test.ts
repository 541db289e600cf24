// SPDX-License-Identifier: Apache-2.0
// Loads bpf/tests/kernel-sample.bpf.c, compiled on the spot.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { after, test } from "node:test";
import { MapIncompatibleError, VerifierError } from "../errors.ts";
import { mountBpffs, unmount } from "../mount.ts";
import { compileSample, skbContext } from "../testing-sample.ts";
import { loadObject } from "./loader.ts";
import { BpfMap } from "./map.ts";
import { BpfProgram, ProgramType } from "./program.ts";

const sample = compileSample();
after(() => rmSync(sample.directory, { recursive: true }));

const COUNTERS = "sample_counters_with_long_name";
const PACKET = new Uint8Array(64);

test("loadObject() sets rodata by name and keeps maps and programs under their full names", () => {
  using object = loadObject(sample.path, {
    rodata: { sample_u32: 42, sample_u64: 5n, sample_bytes: Uint8Array.of(9, 8, 7, 6, 5, 4) },
    programs: ["sample_count"],
  });
  assert.deepEqual(object.programNames, ["sample_count"]);
  assert.deepEqual([...object.mapNames].sort(), [".rodata", "sample_calls", COUNTERS, "sample_events"]);
  const program = object.program("sample_count");
  assert.equal(program.type, ProgramType.BPF_PROG_TYPE_SCHED_CLS);
  assert.ok(program.verifiedInstructions > 5);
  const ctx = skbContext({ mark: 3 });
  const first = program.testRun({ data: PACKET, ctx });
  assert.equal(first.retval, 42);
  // cb[0]
  assert.equal(first.ctx?.[48], 4);
  program.testRun({ data: PACKET, ctx, repeat: 10 });
  const value = object.map(COUNTERS).lookup(Uint8Array.of(3, 0, 0, 0));
  assert.equal(Buffer.from(value ?? []).readBigUInt64LE(), 51n);
});

test("numbers that do not fit and names that are not there are refused", () => {
  assert.throws(
    () => loadObject(sample.path, { rodata: { sample_u23: 1 } }),
    /Cannot set "sample_u23".*no such variable/,
  );
  assert.throws(() => loadObject(sample.path, { rodata: { sample_u32: 2 ** 32 } }), /it has 4 bytes/);
  assert.throws(() => loadObject(sample.path, { rodata: { sample_bytes: new Uint8Array(5) } }), /5 bytes given/);
  assert.throws(() => loadObject(sample.path, { programs: ["nope"] }), /Cannot find program "nope"/);
  assert.throws(() => loadObject(sample.path, { maps: { nope: { maxEntries: 1 } } }), /Cannot find map "nope"/);
  using object = loadObject(sample.path);
  assert.throws(() => object.map("nope"), /Cannot find map "nope" in object/);
  assert.throws(() => object.program("sample_bad"), /Cannot find program "sample_bad" in object/);
});

test("a refused program is a VerifierError with the log", () => {
  assert.throws(
    () => loadObject(sample.path, { programs: ["sample_bad"] }),
    (error) =>
      error instanceof VerifierError &&
      error.program === "sample_bad" &&
      error.log.includes("invalid access to packet") &&
      error.message === 'Cannot load program "sample_bad": R1 offset is outside of the packet',
  );
});

test("what is no object says so", () => {
  assert.throws(() => loadObject(new Uint8Array(64), { name: "junk" }), /Cannot open object "junk": .*ELF/);
  const cut = readFileSync(sample.path).subarray(0, 900);
  assert.throws(() => loadObject(cut, { name: "cut" }), /Cannot open object "cut"/);
});

test("tail calls through a program array, also for programs in tcx sections", () => {
  using object = loadObject(sample.path, { rodata: { sample_u32: 17 } });
  const tail = object.program("sample_tail");
  assert.equal(tail.testRun({ data: PACKET }).retval, 99);
  const fd = new Uint8Array(new Uint32Array([object.program("sample_count").fd.value]).buffer);
  object.map("sample_calls").update(new Uint8Array(4), fd);
  assert.equal(tail.testRun({ data: PACKET }).retval, 17);
});

test("a given map is used by two objects, and stays when they are closed", () => {
  using map = BpfMap.create({ type: "hash", keySize: 4, valueSize: 8, maxEntries: 128, name: "shared" });
  for (let i = 0; i < 2; i++) {
    using object = loadObject(sample.path, { maps: { [COUNTERS]: { reuse: map } }, programs: ["sample_count"] });
    object.program("sample_count").testRun({ data: PACKET });
    assert.equal(object.map(COUNTERS).id, map.id);
  }
  assert.equal(map.lookup(new Uint8Array(4))?.[0], 2);
});

test("pinned maps are made once, used again, and refused when they differ", () => {
  const root = `${sample.directory}/bpffs`;
  mountBpffs(root);
  try {
    const load = () => loadObject(sample.path, { pinRoot: `${root}/maps`, programs: ["sample_count"] });
    let id: number;
    {
      using object = load();
      id = object.map(COUNTERS).id;
      object.program("sample_count").testRun({ data: PACKET });
    }
    assert.ok(existsSync(`${root}/maps/${COUNTERS}`));
    assert.ok(!existsSync(`${root}/maps/sample_events`));
    using again = load();
    assert.equal(again.map(COUNTERS).id, id);
    assert.equal(again.map(COUNTERS).lookup(new Uint8Array(4))?.[0], 1);
    assert.throws(
      () => loadObject(sample.path, { pinRoot: `${root}/maps`, maps: { [COUNTERS]: { maxEntries: 5 } } }),
      (error) => error instanceof MapIncompatibleError && /size is 128, the object declares 5/.test(error.message),
    );
    using other = loadObject(sample.path, { maps: { sample_calls: { pinPath: `${root}/deep/calls` } } });
    using pinned = BpfMap.openPinned(`${root}/deep/calls`);
    assert.equal(pinned.id, other.map("sample_calls").id);
    assert.notEqual(other.map(COUNTERS).id, id);
  } finally {
    unmount(root);
  }
});

test("programs are pinned, found by id, and loaded from plain instructions", () => {
  const instructions = Uint8Array.of(0xb7, 0, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
  using program = BpfProgram.load({ type: ProgramType.BPF_PROG_TYPE_SCHED_CLS, instructions, name: "seven" });
  assert.equal(program.testRun({ data: PACKET, repeat: 1000 }).retval, 7);
  using same = BpfProgram.fromId(program.id);
  assert.equal(same.name, "seven");
  const bad = Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0);
  assert.throws(
    () => BpfProgram.load({ type: ProgramType.BPF_PROG_TYPE_SCHED_CLS, instructions: bad, name: "bad" }),
    (error) => error instanceof VerifierError && error.message === 'Cannot load program "bad": R0 !read_ok',
  );
  assert.throws(() => program.testRun({ data: new Uint8Array(3) }), { code: "EINVAL" });
});
