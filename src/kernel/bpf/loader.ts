// SPDX-License-Identifier: Apache-2.0
// Loads objects made by clang: libbpf opens, relocates and loads; we keep our own descriptors and let libbpf go.
import { readFileSync } from "node:fs";
import { SyscallError, VerifierError } from "../errors.ts";
import { dupValue, Fd, orClose } from "../fd.ts";
import { addressOf, lastErrno } from "../ffi.ts";
import { Mapping } from "../mapping.ts";
import { libbpf, takeMessages } from "./libbpf.ts";
import { BpfMap } from "./map.ts";
import { BpfObject } from "./object.ts";
import { type MapHandle, type ObjectMapOptions, objectMaps, pinMaps, prepareMaps } from "./object-maps.ts";
import { BpfProgram, ProgramType } from "./program.ts";
import { type RodataValues, writeRodata } from "./rodata.ts";

export interface LoadObjectOptions {
  /** Variables of .rodata by name; numbers are written in the variable's own size. An unknown name throws. */
  readonly rodata?: RodataValues;
  /** By the name that the object declares. */
  readonly maps?: Readonly<Record<string, ObjectMapOptions>>;
  /** Only these programs are loaded; default: all but those in sections that begin with a question mark. */
  readonly programs?: readonly string[];
  /** Maps declared with LIBBPF_PIN_BY_NAME are kept at `${pinRoot}/${name}`; without it they are not pinned. */
  readonly pinRoot?: string;
  /** Names the object in messages; default: the path. */
  readonly name?: string;
}

/** Room for the verifier's log; only touched when it refuses a program. */
const LOG_SIZE = 4 << 20;

/** Opens an ELF object (path or bytes), sets it up and loads it. Throws VerifierError, MapIncompatibleError, SyscallError. */
export function loadObject(source: string | Uint8Array, options: LoadObjectOptions = {}): BpfObject {
  const bytes = typeof source === "string" ? readFileSync(source) : source;
  const name = options.name ?? (typeof source === "string" ? source : "object");
  takeMessages();
  const object = openObject(bytes, name);
  try {
    const programs = selectPrograms(object, options.programs, name);
    // Listed now: libbpf renames a map that takes over another one.
    const maps = [...objectMaps(object)];
    const pins = prepareMaps(maps, { maps: options.maps ?? {}, pinRoot: options.pinRoot, object: name });
    if (options.rodata !== undefined) writeRodata(object, maps, options.rodata, name);
    using log = Mapping.anonymous(LOG_SIZE);
    for (const program of programs) libbpf().programSetLogBuf(program, log.address, LOG_SIZE);
    const result = libbpf().load(object);
    if (result < 0) throw loadFailure(name, -result, log);
    const kept = keep(name, maps, programs);
    orClose(kept, () => pinMaps(kept, pins));
    return kept;
  } finally {
    libbpf().close(object);
  }
}

function openObject(bytes: Uint8Array, name: string): bigint {
  const base = name.replace(/^.*\//, "").replace(/\..*$/, "") || "object";
  const objectName = Buffer.from(`${base}\0`);
  // struct bpf_object_open_opts: its size, object_name.
  const options = new BigUint64Array([16n, BigInt(addressOf(objectName))]);
  const object = libbpf().openMem(bytes, bytes.length, options);
  if (object !== null && objectName.length > 0) return object;
  const hint = takeMessages().at(-1);
  throw new SyscallError({
    call: "bpf_object__open_mem",
    errno: lastErrno(),
    what: `Cannot open object "${name}"`,
    hint,
  });
}

/** Switches the others off; returns the handles of those that are loaded. */
function selectPrograms(object: bigint, wanted: readonly string[] | undefined, name: string): bigint[] {
  const library = libbpf();
  const missing = new Set(wanted);
  const selected: bigint[] = [];
  for (let p = library.nextProgram(object, null); p !== null; p = library.nextProgram(object, p)) {
    const program = library.programName(p);
    const load = wanted === undefined ? library.programAutoload(p) : missing.delete(program);
    library.programSetAutoload(p, load);
    if (!load) continue;
    selected.push(p);
    // This libbpf does not know these section names. (An expected attach type would keep it out of program arrays.)
    if (library.programSection(p).startsWith("tcx/")) library.programSetType(p, ProgramType.BPF_PROG_TYPE_SCHED_CLS);
  }
  for (const program of missing) throw new Error(`Cannot find program "${program}" in object "${name}"`);
  return selected;
}

function loadFailure(name: string, errno: number, log: Mapping): Error {
  const messages = takeMessages();
  const text = logText(log);
  if (text !== "") {
    const program = messages.map((line) => /^prog '([^']+)'/.exec(line)?.[1]).find((found) => found !== undefined);
    return new VerifierError(program ?? name, text);
  }
  const hint = messages.find((line) => !line.startsWith("Error in bpf_create_map_xattr"));
  return new SyscallError({ call: "bpf_object__load", errno, what: `Cannot load object "${name}"`, hint });
}

function logText(log: Mapping): string {
  const bytes = Buffer.from(log.buffer());
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString();
}

/** Copies the descriptors out of libbpf's object, which is closed afterwards. */
function keep(name: string, mapHandles: readonly MapHandle[], handles: readonly bigint[]): BpfObject {
  const library = libbpf();
  const maps = new Map<string, BpfMap>();
  const programs = new Map<string, BpfProgram>();
  const kept = new BpfObject(name, maps, programs);
  orClose(kept, () => {
    for (const [mapName, handle] of mapHandles) {
      const fd = library.mapFd(handle);
      if (fd < 0) continue;
      const what = `map "${mapName}"`;
      maps.set(mapName, BpfMap.own(Fd.own(dupValue(fd, what), what), mapName));
    }
    for (const handle of handles) {
      const program = library.programName(handle);
      const what = `program "${program}"`;
      programs.set(program, BpfProgram.own(Fd.own(dupValue(library.programFd(handle), what), what), program));
    }
  });
  return kept;
}
