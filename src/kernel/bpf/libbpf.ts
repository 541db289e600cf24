// SPDX-License-Identifier: Apache-2.0
// The functions of libbpf that load objects, and its messages.
import koffi, { type LibraryHandle } from "koffi";
import { c } from "../ffi.ts";

type Pointer = bigint | null;

/** A koffi value for `void *` results: null or an address. */
interface Libbpf {
  openMem(bytes: Uint8Array, size: number, options: BigUint64Array): Pointer;
  load(object: bigint): number;
  close(object: bigint): void;
  btf(object: bigint): Pointer;
  btfRawData(btf: bigint, size: Uint32Array): Pointer;
  nextMap(object: bigint, previous: Pointer): Pointer;
  mapName(map: bigint): string;
  mapType(map: bigint): number;
  mapKeySize(map: bigint): number;
  mapValueSize(map: bigint): number;
  mapMaxEntries(map: bigint): number;
  mapSetMaxEntries(map: bigint, count: number): number;
  mapFlags(map: bigint): number;
  mapFd(map: bigint): number;
  mapReuseFd(map: bigint, fd: number): number;
  mapPinPath(map: bigint): string | null;
  mapSetPinPath(map: bigint, path: string | null): number;
  mapInitialValue(map: bigint, size: BigUint64Array): Pointer;
  nextProgram(object: bigint, previous: Pointer): Pointer;
  programName(program: bigint): string;
  programSection(program: bigint): string;
  programType(program: bigint): number;
  programSetType(program: bigint, type: number): number;
  programAutoload(program: bigint): boolean;
  programSetAutoload(program: bigint, autoload: boolean): number;
  programSetLogBuf(program: bigint, buffer: number, size: number): number;
  programFd(program: bigint): number;
}

let loaded: Libbpf | undefined;
const messages: string[] = [];

/** Loads libbpf.so.1 at the first use. */
export function libbpf(): Libbpf {
  if (loaded === undefined) {
    const library = koffi.load("libbpf.so.1");
    capturePrints(library);
    loaded = bindFunctions(library);
  }
  return loaded;
}

/** Warnings of libbpf since the last call. */
export function takeMessages(): string[] {
  return messages.splice(0);
}

function capturePrints(library: LibraryHandle): void {
  const text = new Uint8Array(new ArrayBuffer(4096));
  const prototype = koffi.proto("int LibbpfPrint(int level, void *format, void *arguments)");
  const print = koffi.register((_level: number, format: bigint, args: bigint): number => {
    const length = c.vsnprintf(text, text.length, format, args);
    const line = Buffer.from(text.subarray(0, Math.min(length, text.length - 1))).toString();
    if (_level === 0 && messages.length < 100) messages.push(line.replace(/^libbpf: /, "").trim());
    return length;
  }, koffi.pointer(prototype));
  library.func("void *libbpf_set_print(LibbpfPrint *print)")(print);
}

function bindFunctions(library: LibraryHandle): Libbpf {
  const f = (declaration: string) => library.func(declaration);
  return {
    openMem: f("void *bpf_object__open_mem(const void *bytes, size_t size, const void *options)"),
    load: f("int bpf_object__load(void *object)"),
    close: f("void bpf_object__close(void *object)"),
    btf: f("void *bpf_object__btf(void *object)"),
    btfRawData: f("void *btf__raw_data(void *btf, void *size)"),
    nextMap: f("void *bpf_object__next_map(void *object, void *previous)"),
    mapName: f("const char *bpf_map__name(void *map)"),
    mapType: f("int bpf_map__type(void *map)"),
    mapKeySize: f("uint bpf_map__key_size(void *map)"),
    mapValueSize: f("uint bpf_map__value_size(void *map)"),
    mapMaxEntries: f("uint bpf_map__max_entries(void *map)"),
    mapSetMaxEntries: f("int bpf_map__set_max_entries(void *map, uint count)"),
    mapFlags: f("uint bpf_map__map_flags(void *map)"),
    mapFd: f("int bpf_map__fd(void *map)"),
    mapReuseFd: f("int bpf_map__reuse_fd(void *map, int fd)"),
    mapPinPath: f("const char *bpf_map__pin_path(void *map)"),
    mapSetPinPath: f("int bpf_map__set_pin_path(void *map, const char *path)"),
    mapInitialValue: f("void *bpf_map__initial_value(void *map, void *size)"),
    nextProgram: f("void *bpf_object__next_program(void *object, void *previous)"),
    programName: f("const char *bpf_program__name(void *program)"),
    programSection: f("const char *bpf_program__section_name(void *program)"),
    programType: f("int bpf_program__type(void *program)"),
    programSetType: f("int bpf_program__set_type(void *program, int type)"),
    programAutoload: f("bool bpf_program__autoload(void *program)"),
    programSetAutoload: f("int bpf_program__set_autoload(void *program, bool autoload)"),
    programSetLogBuf: f("int bpf_program__set_log_buf(void *program, uint64 buffer, size_t size)"),
    programFd: f("int bpf_program__fd(void *program)"),
  };
}
