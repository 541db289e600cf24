// SPDX-License-Identifier: Apache-2.0
// Lists of ports in cilium_policy_v2_ports: each once, however many peers ask it, and never changed.
import type { BpfMap } from "../../kernel/index.ts";
import { decodePort, encodePort, encodePortKey, MAX_LIST, widthsOf } from "./policy-codec.ts";
import { ownPart, portList } from "./port-lists.ts";
import type { PolicyMapPort, PortList } from "./types.ts";

/** A list with a number. */
export interface KernelList {
  readonly id: number;
  /** Bits of `enum policy_width`. */
  readonly widths: number;
  /** As the map holds it. */
  readonly whole: PortList;
  /** Without what was said about anybody. */
  readonly own: PortList;
}

interface Entry extends KernelList {
  users: number;
}

/** Counts the peers of each list. One that nobody asks any more stays until the second `collect`: programs may read it. */
export class PolicyLists {
  readonly #map: BpfMap;
  readonly #byText = new Map<string, Entry>();
  readonly #byId = new Map<number, Entry>();
  /** Acquired, but not in the map yet. */
  readonly #unwritten = new Set<Entry>();
  #retired = new Set<Entry>();
  #retiredBefore = new Set<Entry>();
  #nextId = 1;
  #entries = 0;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Entries in the map. */
  get entries(): number {
    return this.#entries;
  }

  /** Reads the map. Call once, before anything else. What nobody `use`s goes with the second `collect`. */
  load(): void {
    const lists = new Map<number, PolicyMapPort[]>();
    for (const [key, value] of this.#map.entries()) {
      const { ports, entry } = decodePort(key, value);
      const list = lists.get(ports);
      if (list === undefined) lists.set(ports, [entry]);
      else list.push(entry);
    }
    for (const [id, entries] of lists) this.#retired.add(this.#add(id, portList(entries)));
  }

  /** Counts a peer that the kernel says to ask this list; one that is missing has no entries. */
  use(id: number): KernelList {
    const list = this.#byId.get(id) ?? this.#add(id, portList([]));
    return this.#take(list);
  }

  /** Counts a peer. A new list is in the map after the next `write`. */
  acquire(list: PortList): KernelList {
    let entry = this.#byText.get(list.text);
    if (entry === undefined) {
      entry = this.#add(this.#freeId(), list);
      this.#unwritten.add(entry);
    }
    return this.#take(entry);
  }

  release(list: KernelList): void {
    const entry = list as Entry;
    entry.users--;
    if (entry.users > 0) return;
    if (this.#unwritten.delete(entry)) this.#forget(entry);
    else this.#retired.add(entry);
  }

  /** Puts new lists into the map, all or none. */
  write(): void {
    const lists = [...this.#unwritten];
    const count = lists.reduce((sum, { whole }) => sum + whole.entries.length, 0);
    if (count === 0) return;
    const keys = this.#keysOf(lists);
    const values = new Uint8Array(count * this.#map.valueSize);
    let index = 0;
    for (const { whole } of lists) {
      for (const entry of whole.entries) encodePort(entry, values, index++ * this.#map.valueSize);
    }
    try {
      this.#map.updateBatch(keys, values, count);
    } catch (error) {
      this.#map.deleteBatch(keys, count);
      throw error;
    }
    this.#unwritten.clear();
    this.#entries += count;
  }

  /** Frees what has been without users since the call before. Whether there is more to free later. */
  collect(): boolean {
    const gone = [...this.#retiredBefore].filter(({ users }) => users === 0);
    const count = gone.reduce((sum, { whole }) => sum + whole.entries.length, 0);
    if (count > 0) this.#map.deleteBatch(this.#keysOf(gone), count);
    this.#entries -= count;
    for (const entry of gone) this.#forget(entry);
    this.#retiredBefore = this.#retired;
    this.#retired = new Set();
    return this.#retiredBefore.size > 0;
  }

  #freeId(): number {
    while (this.#nextId > MAX_LIST || this.#byId.has(this.#nextId)) {
      this.#nextId = this.#nextId >= MAX_LIST ? 1 : this.#nextId + 1;
    }
    return this.#nextId;
  }

  #add(id: number, whole: PortList): Entry {
    const entry: Entry = { id, widths: widthsOf(whole.entries), whole, own: ownPart(whole), users: 0 };
    this.#nextId = id + 1;
    this.#byId.set(id, entry);
    if (!this.#byText.has(whole.text)) this.#byText.set(whole.text, entry);
    return entry;
  }

  #take(entry: Entry): Entry {
    entry.users++;
    this.#retired.delete(entry);
    this.#retiredBefore.delete(entry);
    return entry;
  }

  #forget(entry: Entry): void {
    this.#byId.delete(entry.id);
    if (this.#byText.get(entry.whole.text) === entry) this.#byText.delete(entry.whole.text);
  }

  #keysOf(lists: readonly Entry[]): Uint8Array {
    const { keySize } = this.#map;
    const keys = new Uint8Array(lists.reduce((sum, { whole }) => sum + whole.entries.length, 0) * keySize);
    let index = 0;
    for (const { id, whole } of lists) {
      for (const entry of whole.entries) encodePortKey(id, entry, keys, index++ * keySize);
    }
    return keys;
  }
}
