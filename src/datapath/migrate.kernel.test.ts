// SPDX-License-Identifier: Apache-2.0
// Maps of a build whose structs were laid out otherwise: their entries come along when the programs are replaced.
import assert from "node:assert/strict";
import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import "../kernel/testing.ts";
import { abiLayout, type StructLayout } from "../abi/index.ts";
import { eventually } from "../core/testing.ts";
import { type BpfMap, loadObject } from "../kernel/index.ts";
import { record } from "./maps/layout.ts";
import { mapNames } from "./maps/names.ts";
import { compile, inPrivateNamespaces } from "./testing.ts";
import { DatapathNode } from "./testing-node.ts";

type Entry = readonly [key: Uint8Array, value: Uint8Array];

interface Sample {
  readonly type: string;
  readonly flags?: string;
  readonly key: string;
  readonly value: string;
}

/** One of each kind of map. */
const samples: Readonly<Record<string, Sample>> = {
  [mapNames.ct4Tcp]: { type: "LRU_HASH", key: "ct4_key", value: "ct_entry" },
  [mapNames.lxc]: { type: "HASH", flags: "BPF_F_NO_PREALLOC", key: "endpoint_key", value: "endpoint_info" },
  [mapNames.endpoints]: { type: "ARRAY", key: "__u32", value: "endpoint_config" },
  [mapNames.ipcache]: { type: "LPM_TRIE", flags: "BPF_F_NO_PREALLOC", key: "ipcache_key", value: "ipcache_entry" },
  [mapNames.metrics]: { type: "PERCPU_HASH", key: "metrics_key", value: "metrics_value" },
};

const layoutOf = (struct: string): StructLayout => abiLayout[struct] ?? { size: 4, members: { number: [0, 4] } };

/** The struct's fields from behind (of an LPM key all but the length), after one that is gone now. */
function otherLayout(struct: string): StructLayout {
  if (struct.startsWith("__")) return layoutOf(struct);
  const { members } = layoutOf(struct);
  const isKey = struct.endsWith("_key");
  const first = Object.entries(members).filter(([name]) => name === "prefixlen");
  const others = Object.entries(members).filter(([name]) => !first.some(([other]) => other === name));
  const fields = [...first, ...(isKey ? [] : [["gone", [0, 4]] as const]), ...others.reverse()];
  let size = 0;
  const placed = fields.map(([name, [, length]]) => {
    size += length;
    return [name, [size - length, length]] as const;
  });
  return { size, members: Object.fromEntries(placed) };
}

function declaration(struct: string): string {
  const fields = Object.entries(otherLayout(struct).members).map(([name, [, length]]) => {
    const number = [1, 2, 4, 8].includes(length);
    return number ? `__u${length * 8} ${name};` : `__u8 ${name}[${length}];`;
  });
  return `struct ${struct} { ${fields.join(" ")} } __attribute__((packed));`;
}

function source(maxEntries: (name: string) => number): string {
  const structs = new Set(Object.values(samples).flatMap(({ key, value }) => [key, value]));
  const typeOf = (name: string) => (name.startsWith("__") ? name : `struct ${name}`);
  const maps = Object.entries(samples).map(
    ([name, { type, flags = "0", key, value }]) => `struct {
      __uint(type, BPF_MAP_TYPE_${type}); __uint(max_entries, ${maxEntries(name)}); __uint(map_flags, ${flags});
      __type(key, ${typeOf(key)}); __type(value, ${typeOf(value)});
    } ${name} SEC(".maps");`,
  );
  const declarations = [...structs].filter((name) => !name.startsWith("__")).map(declaration);
  return ["#include <linux/bpf.h>", "#include <bpf/bpf_helpers.h>", ...declarations, ...maps].join("\n");
}

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const node = new DatapathNode();
  const { globals } = node;

  const text = ([key, value]: Entry) => `${Buffer.from(key).toString("hex")} ${Buffer.from(value).toString("hex")}`;

  /** Each field has a number of its own; three entries. */
  const entriesFor = (name: string): Entry[] =>
    node.withMap(name, (map) =>
      [1, 2, 3].map((n) => {
        const fill = (struct: string, size: number) => {
          const bytes = new Uint8Array(size);
          const { members, size: one } = layoutOf(struct);
          for (let slot = 0; slot < size; slot += one) {
            for (const [index, [field, [at]]] of Object.entries(members).entries()) {
              if (!field.startsWith("pad")) bytes[slot + at] = 16 * n + index;
            }
          }
          return bytes;
        };
        const { key, value } = samples[name] ?? assert.fail(name);
        const keyBytes = fill(key, map.keySize);
        // A prefix of the trie is as long as its whole key.
        if (map.type === "lpm_trie") keyBytes[0] = 8 * (map.keySize - 4);
        const valueBytes = fill(value, map.valueBytes);
        // No address of the node's own, which others prune.
        if (name === mapNames.lxc) valueBytes.fill(0, 2);
        return [keyBytes, valueBytes] as const;
      }),
    );

  /** Puts a map of the other layout, with these entries, in place of the pinned one. */
  const replace = (name: string, entries: readonly Entry[], old: BpfMap) => {
    const { key, value } = samples[name] ?? assert.fail(name);
    const [oldKey, oldValue] = [key, value].map((struct) => record(layoutOf(struct), otherLayout(struct)));
    for (const [keyBytes, valueBytes] of entries) {
      const slots = old.valueBytes / (old.type === "percpu_hash" ? (old.valueSize + 7) & ~7 : old.valueSize);
      const size = valueBytes.length / slots;
      const values = Array.from({ length: slots }, (_, slot) => {
        const padded = new Uint8Array(old.valueBytes / slots);
        padded.set(oldValue?.(valueBytes.subarray(slot * size)) ?? assert.fail());
        return padded;
      });
      old.update(oldKey?.(keyBytes) ?? assert.fail(), Buffer.concat(values));
    }
    old.pin(join(globals, "moving"));
    renameSync(join(globals, "moving"), join(globals, name));
  };

  test("threats: maps of another layout are migrated: no entry is lost, and the programs use the new maps", async () => {
    const wanted = new Map(Object.keys(samples).map((name) => [name, entriesFor(name)]));
    await node.datapath.stop();
    {
      using objects = loadObject(compile(source((name) => node.withMap(name, (map) => map.maxEntries))));
      for (const [name, entries] of wanted) replace(name, entries, objects.map(name));
    }
    // Otherwise what is loaded would be looked for, and found, by the digest of the present layouts.
    await node.start({ ctTimeouts: { tcpSyn: 9 } });
    for (const [name, entries] of wanted) {
      const found = node.withMap(name, (map) => [...map.entries()].map(text));
      assert.deepEqual(
        entries.map(text).filter((line) => !found.includes(line)),
        [],
        name,
      );
    }
    assert.ok(node.datapath.status().every(({ state }) => state === "done"));
    await eventually("removal of the earlier maps", () => readdirSync(globals).every((name) => !name.includes("-")));
  });
}
