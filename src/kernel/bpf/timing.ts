// SPDX-License-Identifier: Apache-2.0
// How long calls of bpf(2) take, for who wants to know. Without anybody, a call costs one comparison more.

/** What is told of a call; `operation` is Cilium's word for the command, such as `update` or `objPin`. */
export type BpfCallListener = (call: {
  readonly operation: string;
  readonly seconds: number;
  readonly ok: boolean;
}) => void;

/** The one who wants to know. */
export let bpfCalls: { readonly told: BpfCallListener; readonly names: ReadonlyMap<number, string> } | undefined;

/** Tells `listener` of each call from now on; undefined: nobody. `commands`: numbers by name. */
export function listenToBpfCalls(
  listener: BpfCallListener | undefined,
  commands: Readonly<Record<string, number>>,
): void {
  const names = new Map(Object.entries(commands).map(([name, number]) => [number, operationOf(name)]));
  bpfCalls = listener && { told: listener, names };
}

/** Of an entry of a map there is no word more than what is done with it; `BPF_PROG_LOAD` is `progLoad`. */
function operationOf(command: string): string {
  const [first = "", ...rest] = command
    .replace(/^BPF_/, "")
    .replace(/^MAP_(?=LOOKUP|UPDATE|DELETE|GET_NEXT_KEY|CREATE)/, "")
    .replace(/_ELEM$/, "")
    .toLowerCase()
    .split("_");
  return first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}
