// SPDX-License-Identifier: Apache-2.0
// What the machine was like before the datapath changed it, kept in a file until the datapath is removed for good.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { replaceFile } from "../core/index.ts";
import { netnsCookie } from "../kernel/index.ts";

const schema = z.strictObject({
  version: z.literal(1),
  /** Of the kernel's run: nothing recorded in an earlier one holds. */
  bootId: z.string(),
  /** Cookie of the network namespace. */
  netns: z.string(),
  bpfRoot: z.string(),
  /** The datapath mounted the bpffs itself. */
  mounted: z.boolean(),
  /** Folders that were made for that, outer ones first. */
  folders: z.array(z.string()),
  /** Value of each sysctl before, by its name with slashes. */
  sysctls: z.record(z.string(), z.string()),
});

type Content = z.infer<typeof schema>;

/** The record of one node. Each change is on disk before its method returns. */
export class MachineRecord {
  readonly #path: string;
  #content: Content;

  private constructor(path: string, content: Content) {
    this.#path = path;
    this.#content = content;
  }

  /** The record at `path`, or a new one when there is none of this boot and of the caller's network namespace. */
  static open(path: string, bpfRoot: string): MachineRecord {
    const empty: Content = {
      ...{ version: 1, bootId: bootId(), netns: String(netnsCookie()), bpfRoot },
      ...{ mounted: false, folders: [], sysctls: {} },
    };
    const found = MachineRecord.read(path);
    if (found === undefined || !found.ofThisNamespace) return new MachineRecord(path, empty);
    if (found.bpfRoot !== bpfRoot) found.#content = { ...empty, sysctls: found.#content.sysctls };
    return found;
  }

  /** Undefined when there is none, it cannot be understood, or it is of an earlier boot. */
  static read(path: string): MachineRecord | undefined {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const parsed = schema.safeParse(parseJson(text));
    return parsed.success && parsed.data.bootId === bootId() ? new MachineRecord(path, parsed.data) : undefined;
  }

  get bpfRoot(): string {
    return this.#content.bpfRoot;
  }

  /** Whether it speaks about the network namespace that the caller is in. */
  get ofThisNamespace(): boolean {
    return this.#content.netns === String(netnsCookie());
  }

  get mounted(): boolean {
    return this.#content.mounted;
  }

  get folders(): readonly string[] {
    return this.#content.folders;
  }

  get sysctls(): ReadonlyMap<string, string> {
    return new Map(Object.entries(this.#content.sysctls));
  }

  /** To be called before the bpffs is mounted. */
  noteMount(folders: readonly string[]): void {
    this.#save({ ...this.#content, mounted: true, folders: [...folders] });
  }

  /** Keeps values that are not known yet; `read` gives undefined where the kernel has no such setting. */
  noteSysctls(names: readonly string[], read: (name: string) => string | undefined): void {
    const known = this.#content.sysctls;
    const fresh = names.filter((name) => !Object.hasOwn(known, name)).map((name) => [name, read(name)] as const);
    const found = fresh.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
    if (found.length > 0) this.#save({ ...this.#content, sysctls: { ...known, ...Object.fromEntries(found) } });
  }

  #save(content: Content): void {
    replaceFile(this.#path, `${JSON.stringify(content)}\n`, { durable: true });
    this.#content = content;
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // half a file: the schema refuses it
  }
}
