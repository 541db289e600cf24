import { createKvstore } from "../../src/kvstore/index.ts";
import { createNodeTable } from "../../src/node/index.ts";
import { createMemoryIdentityAllocator } from "../../src/identity/index.ts";
import { Table } from "../../src/core/index.ts";
export function createCluster(_deps: any): any {
  const k = createKvstore({}, { kind: "memory", options: {} });
  return { modules: [k], kvstore: k.kvstore, allocator: createMemoryIdentityAllocator(), announcer: { announce() {}, withdraw() {} }, nodes: createNodeTable(), ipcache: new Table({ name: "ipcache", key: (r: any) => r.prefix }), self: "default/x" };
}
