// SPDX-License-Identifier: Apache-2.0
// How much stack the programs of an object take: kernels up to 6.7 give 512 bytes to all functions that call each other,
// and count each one's in steps of 32.
import { execFileSync } from "node:child_process";

export const STACK_LIMIT = 512;
const STEP = 32;

/** Functions of which each calls the next, and the bytes that they take together. */
export interface CallChain {
  readonly bytes: number;
  readonly functions: readonly string[];
}

/** Fails, and names the functions, when some that call each other take more than the kernel gives. `usage`: clang's. */
export function checkStack(object: string, usage: string): void {
  const disassembly = execFileSync("llvm-objdump", ["-dr", object], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const frames = parseFrames(usage);
  const { bytes, functions } = deepestChain(frames, parseCalls(disassembly, frames));
  if (bytes <= STACK_LIMIT) return;
  const chain = functions.map((name) => `${name} ${frames.get(name)}`).join(", ");
  throw new Error(
    `Cannot use ${bytes} bytes of stack: kernels up to 6.7 have ${STACK_LIMIT} for functions that call each other, in steps ` +
      `of ${STEP} (${chain}; shorten one, or part what it does)`,
  );
}

/** Bytes by function, from what `clang -fstack-usage` writes: "file.c:line:function<tab>bytes<tab>kind" a line. */
export function parseFrames(usage: string): ReadonlyMap<string, number> {
  return new Map(
    usage
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [place = "", bytes] = line.split("\t");
        return [place.slice(place.lastIndexOf(":") + 1), Number(bytes)] as const;
      }),
  );
}

/** Who calls whom, from `llvm-objdump -dr`; a function that is handed on to a helper counts as called. */
export function parseCalls(
  disassembly: string,
  frames: ReadonlyMap<string, number>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const calls = new Map<string, Set<string>>();
  const starts = new Map<number, string>();
  // Functions that only their file knows are told by their place in .text, where no program begins.
  const places: { readonly from: Set<string>; readonly at: number }[] = [];
  let current = new Set<string>();
  let operand = 0;
  let inText = false;
  for (const line of disassembly.split("\n")) {
    if (line.startsWith("Disassembly of section ")) inText = line.endsWith(" .text:");
    const start = /^([0-9a-f]+) <(\w+)>:/.exec(line);
    const call = /^ *(\d+):\t85 10 .*\tcall (-?\d+)/.exec(line);
    const use = /R_BPF_64_(32|64)\s+(\S+)/.exec(line);
    if (start !== null && frames.has(start[2] ?? "")) {
      current = new Set();
      calls.set(start[2] ?? "", current);
      if (inText) starts.set(Number.parseInt(start[1] ?? "", 16), start[2] ?? "");
    } else if (call !== null) {
      if (call[2] !== "-1") places.push({ from: current, at: (Number(call[1]) + 1 + Number(call[2])) * 8 });
    } else if (use?.[2] === ".text") {
      places.push({ from: current, at: operand });
    } else if (use !== null) {
      if (frames.has(use[2] ?? "")) current.add(use[2] ?? "");
    } else {
      operand = Number(/ = (\d+) ll$/.exec(line)?.[1] ?? Number.NaN);
    }
  }
  for (const { from, at } of places) from.add(starts.get(at) ?? `.text+${at}`);
  return calls;
}

/** The functions that take most together. They never call each other in a circle: the kernel would refuse that. */
export function deepestChain(
  frames: ReadonlyMap<string, number>,
  calls: ReadonlyMap<string, ReadonlySet<string>>,
): CallChain {
  const known = new Map<string, CallChain>();
  const from = (name: string): CallChain => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const bytes = frames.get(name);
    if (bytes === undefined) throw new Error(`Cannot tell the stack of "${name}": clang does not name it`);
    const deepest = largest([...(calls.get(name) ?? [])].map(from));
    const chain = {
      bytes: Math.ceil(Math.max(bytes, 1) / STEP) * STEP + deepest.bytes,
      functions: [name, ...deepest.functions],
    };
    known.set(name, chain);
    return chain;
  };
  return largest([...frames.keys()].map(from));
}

function largest(chains: readonly CallChain[]): CallChain {
  return chains.reduce((a, b) => (b.bytes > a.bytes ? b : a), { bytes: 0, functions: [] });
}
