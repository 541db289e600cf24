// SPDX-License-Identifier: Apache-2.0
// The two entry programs of an endpoint: what they are called, and where they go.
import type { BpfObject, BpfProgram, TcxHook } from "../../kernel/index.ts";

/** By hook of the host-side device; `pin` is the name of the link's pin. */
export const entryPrograms: readonly { readonly program: string; readonly pin: string; readonly hook: TcxHook }[] = [
  { program: "cil_from_container_entry", pin: "cil_from_container", hook: "ingress" },
  { program: "cil_to_container_entry", pin: "cil_to_container", hook: "egress" },
];

/** An endpoint's entry programs; closing leaves what is attached. */
export class EntryPair implements Disposable {
  readonly ingress: BpfProgram;
  readonly egress: BpfProgram;

  constructor(ingress: BpfProgram, egress: BpfProgram) {
    this.ingress = ingress;
    this.egress = egress;
  }

  /** Of a loaded object, which may be closed then. */
  static of(object: BpfObject): EntryPair {
    const [ingress, egress] = entryPrograms.map(({ program }) => object.program(program).dup());
    if (ingress === undefined || egress === undefined) throw new Error("Cannot find the entry programs");
    return new EntryPair(ingress, egress);
  }

  [Symbol.dispose](): void {
    this.ingress.close();
    this.egress.close();
  }
}
