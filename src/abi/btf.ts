// SPDX-License-Identifier: Apache-2.0
// Reads the BTF of an object file: just what the codec generator and the layout check need.

/** A field of a struct: its place in bytes and the type it has. */
export interface BtfMember {
  readonly name: string;
  readonly offset: number;
  readonly type: number;
}

/** A struct or union with its fields. */
export interface BtfStruct {
  readonly kind: "struct" | "union";
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

/** An enum with its constants. */
export interface BtfEnum {
  readonly kind: "enum";
  readonly name: string;
  readonly size: number;
  readonly values: readonly (readonly [string, number])[];
}

/** One BTF type; `name` is empty for anonymous ones. Types are numbered from 1, 0 is void. */
export type BtfType =
  | { readonly kind: "int"; readonly name: string; readonly size: number; readonly signed: boolean }
  | { readonly kind: "array"; readonly name: string; readonly element: number; readonly count: number }
  | BtfStruct
  | BtfEnum
  | { readonly kind: "typedef" | "modifier"; readonly name: string; readonly type: number }
  | { readonly kind: "pointer" | "other"; readonly name: string };

const BTF_MAGIC = 0xeb9f;
const decoder = new TextDecoder();

/** The named section of a 64-bit little-endian ELF file, a view into it, or undefined. Throws when it is no ELF file. */
export function elfSection(elf: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < 64 || view.getUint32(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) {
    throw new Error("Cannot read object file: not a 64-bit little-endian ELF file");
  }
  const table = Number(view.getBigUint64(40, true));
  const entrySize = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  const header = (index: number) => {
    const at = table + index * entrySize;
    return {
      name: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  };
  const names = header(view.getUint16(62, true));
  for (let index = 0; index < count; index++) {
    const section = header(index);
    if (cString(elf, names.offset + section.name) === name) {
      return elf.subarray(section.offset, section.offset + section.size);
    }
  }
  return undefined;
}

/** All types of a `.BTF` section, index = type id. Throws when the bytes are not BTF. */
export function parseBtf(btf: Uint8Array): readonly BtfType[] {
  const view = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  if (btf.length < 24 || view.getUint16(0, true) !== BTF_MAGIC) throw new Error("Cannot read BTF: bad magic number");
  const headerLength = view.getUint32(4, true);
  const start = headerLength + view.getUint32(8, true);
  const end = start + view.getUint32(12, true);
  const strings = headerLength + view.getUint32(16, true);
  const name = (offset: number) => cString(btf, strings + offset);
  const types: BtfType[] = [{ kind: "other", name: "void" }];
  for (let at = start; at < end; ) {
    const { type, length } = readType(view, at, name);
    types.push(type);
    at += length;
  }
  return types;
}

/** Bytes that a value of the type takes. */
export function btfSize(types: readonly BtfType[], id: number): number {
  const type = types[id];
  if (type === undefined) throw new Error(`Cannot read BTF: no type ${id}`);
  if (type.kind === "typedef" || type.kind === "modifier") return btfSize(types, type.type);
  if (type.kind === "array") return type.count * btfSize(types, type.element);
  if (type.kind === "pointer") return 8;
  if (!("size" in type)) throw new Error(`Cannot read BTF: type "${type.name}" has no size`);
  return type.size;
}

function readType(view: DataView, at: number, name: (offset: number) => string): { type: BtfType; length: number } {
  const own = name(view.getUint32(at, true));
  const info = view.getUint32(at + 4, true);
  const size = view.getUint32(at + 8, true);
  const count = info & 0xffff;
  const body = at + 12;
  const rows = <T>(width: number, read: (row: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => read(body + index * width));
  switch ((info >>> 24) & 0x1f) {
    case 1:
      return {
        type: { kind: "int", name: own, size, signed: (view.getUint32(body, true) & (1 << 24)) !== 0 },
        length: 16,
      };
    case 2:
      return { type: { kind: "pointer", name: own }, length: 12 };
    case 3: {
      const [element, elements] = [view.getUint32(body, true), view.getUint32(body + 8, true)];
      return { type: { kind: "array", name: own, element, count: elements }, length: 24 };
    }
    case 4:
    case 5: {
      const members = rows(12, (row) => ({
        name: name(view.getUint32(row, true)),
        type: view.getUint32(row + 4, true),
        offset: (view.getUint32(row + 8, true) & 0xffffff) / 8,
      }));
      const kind = ((info >>> 24) & 0x1f) === 4 ? "struct" : "union";
      return { type: { kind, name: own, size, members }, length: 12 + 12 * count };
    }
    case 6: {
      const values = rows(8, (row) => [name(view.getUint32(row, true)), view.getInt32(row + 4, true)] as const);
      return { type: { kind: "enum", name: own, size, values }, length: 12 + 8 * count };
    }
    case 8:
      return { type: { kind: "typedef", name: own, type: size }, length: 12 };
    case 9:
    case 10:
    case 11:
    case 18:
      return { type: { kind: "modifier", name: own, type: size }, length: 12 };
    case 7:
    case 12:
    case 16:
      return { type: { kind: "other", name: own }, length: 12 };
    case 13:
      return { type: { kind: "other", name: own }, length: 12 + 8 * count };
    case 14:
    case 17:
      return { type: { kind: "other", name: own }, length: 16 };
    case 15:
    case 19:
      return { type: { kind: "other", name: own }, length: 12 + 12 * count };
    default:
      throw new Error(`Cannot read BTF: unknown kind ${(info >>> 24) & 0x1f}`);
  }
}

function cString(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  return decoder.decode(bytes.subarray(at, end < 0 ? bytes.length : end));
}
