// SPDX-License-Identifier: Apache-2.0
// A compiled object before its load: its bytes, checked against the codecs, and the variables and maps it names.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { checkAbi, elfSection, parseBtf } from "../../abi/index.ts";
import { DatapathError, datapathError } from "../errors.ts";

/** Read once, loaded many times. */
export interface ObjectFile {
  /** File name, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Maps that it declares. */
  readonly maps: ReadonlySet<string>;
  /** Its global variables. */
  readonly variables: ReadonlySet<string>;
}

/** Reads and checks an object. Throws DatapathError when it is missing or was built from other headers. */
export function readObjectFile(path: string): ObjectFile {
  const name = basename(path);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw datapathError(`Cannot read object "${name}"`, error, "build the objects first: node tools/build-bpf.ts");
  }
  const btf = elfSection(bytes, ".BTF");
  if (btf === undefined) throw new DatapathError(`Cannot use object "${name}": it has no BTF (compile it with -g)`);
  checkAbi(btf);
  // Global variables and maps are both BTF variables; maps have the names that operators see.
  const variables = parseBtf(btf).flatMap((type) => (type.kind === "other" ? [type.name] : []));
  const isMap = (variable: string) => variable.startsWith("cilium_");
  return {
    name,
    bytes,
    maps: new Set(variables.filter(isMap)),
    variables: new Set(variables.filter((variable) => !isMap(variable))),
  };
}
