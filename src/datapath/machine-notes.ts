// SPDX-License-Identifier: Apache-2.0
// Keeps what the machine was before the datapath changes it. A record that cannot be written must not keep pods from
// talking: only the way back is less complete then.
import { type Logger, toError } from "../core/index.ts";
import type { Rtnetlink } from "../kernel/index.ts";
import { sysctlOrNothing, touchedSysctls } from "./devices/sysctls.ts";
import { MachineRecord } from "./machine-record.ts";
import type { DatapathConfig } from "./types.ts";

type NotesConfig = Pick<DatapathConfig, "machineRecord" | "bpfRoot" | "enableIpv4" | "enableIpv6">;

/** The record of `config.machineRecord`, if there is to be one and it can be had. What fails is logged. */
export class MachineNotes {
  readonly #config: NotesConfig;
  readonly #log: Logger;
  readonly #record: MachineRecord | undefined;

  constructor(config: NotesConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
    const { machineRecord, bpfRoot } = config;
    if (machineRecord === undefined) return;
    this.#record = this.#try("read what the machine was before", () => MachineRecord.open(machineRecord, bpfRoot));
  }

  /** To be called before the bpffs is mounted, with the folders that are made for it. */
  mount(folders: readonly string[]): void {
    this.#try("keep that the bpffs is ours", () => this.#record?.noteMount(folders));
  }

  /** To be called before the first sysctl is written. */
  sysctls(rtnl: Rtnetlink): void {
    const others = rtnl
      .links()
      .map(({ name }) => name)
      .filter((name) => !/^(cilium_|lxc)/.test(name));
    this.#try("keep what sysctls were before", () =>
      this.#record?.noteSysctls(touchedSysctls(this.#config, others), sysctlOrNothing),
    );
  }

  #try<T>(what: string, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.#log.warn(`Cannot ${what}`, { path: this.#config.machineRecord, error: toError(error) });
      return undefined;
    }
  }
}
