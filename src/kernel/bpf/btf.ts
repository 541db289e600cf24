// SPDX-License-Identifier: Apache-2.0
// Reads what we need of BTF: where each variable of a data section is and how long.

const MAGIC = 0xeb9f;
const HEADER = 24;

const KIND = {
  INT: 1,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  DECL_TAG: 17,
  ENUM64: 19,
};

/** Bytes behind the 12 bytes of a type, by kind and number of members. */
function extraSize(kind: number, members: number): number {
  switch (kind) {
    case KIND.INT:
    case KIND.VAR:
    case KIND.DECL_TAG:
      return 4;
    case KIND.ARRAY:
      return 12;
    case KIND.STRUCT:
    case KIND.UNION:
    case KIND.DATASEC:
    case KIND.ENUM64:
      return members * 12;
    case KIND.ENUM:
    case KIND.FUNC_PROTO:
      return members * 8;
    default:
      return 0;
  }
}

export interface Variable {
  readonly name: string;
  /** Bytes from the start of its section. */
  readonly offset: number;
  readonly size: number;
}

interface Walk {
  readonly names: Map<number, string>;
  readonly sections: Map<string, { type: number; offset: number; size: number }[]>;
}

/** The variables of each data section (".rodata", ".bss", …) of raw little-endian BTF. */
export function dataSections(btf: Uint8Array): Map<string, Variable[]> {
  const { names, sections } = walk(btf);
  const result = new Map<string, Variable[]>();
  for (const [section, entries] of sections) {
    result.set(
      section,
      entries.map(({ type, offset, size }) => ({ name: names.get(type) ?? "", offset, size })),
    );
  }
  return result;
}

function walk(btf: Uint8Array): Walk {
  const view = new DataView(btf.buffer, btf.byteOffset, btf.length);
  if (btf.length < HEADER || view.getUint16(0, true) !== MAGIC) throw new Error("Cannot read BTF: bad magic number");
  const header = view.getUint32(4, true);
  const typesEnd = header + view.getUint32(8, true) + view.getUint32(12, true);
  const strings = header + view.getUint32(16, true);
  const result: Walk = { names: new Map(), sections: new Map() };
  let at = header + view.getUint32(8, true);
  for (let id = 1; at < typesEnd; id++) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const members = info & 0xffff;
    if (kind === KIND.VAR) result.names.set(id, stringAt(btf, strings + view.getUint32(at, true)));
    if (kind === KIND.DATASEC) {
      const entries = Array.from({ length: members }, (_, i) => ({
        type: view.getUint32(at + 12 + i * 12, true),
        offset: view.getUint32(at + 16 + i * 12, true),
        size: view.getUint32(at + 20 + i * 12, true),
      }));
      result.sections.set(stringAt(btf, strings + view.getUint32(at, true)), entries);
    }
    at += 12 + extraSize(kind, members);
  }
  return result;
}

function stringAt(bytes: Uint8Array, start: number): string {
  return Buffer.from(bytes.subarray(start, bytes.indexOf(0, start))).toString();
}
