// SPDX-License-Identifier: Apache-2.0
// The etcd backend keeps the contract, against a real etcd.
import { after, before } from "node:test";
import { testKvstore } from "../../kvstore.conformance.ts";
import { openKvstore } from "../../module.ts";
import { TestEtcd } from "../../testing.ts";

let etcd: TestEtcd;
before(async () => {
  etcd = await TestEtcd.start();
});
after(() => etcd[Symbol.asyncDispose]());

testKvstore("etcd", async () => {
  await etcd.json("/v3/kv/deleterange", { key: "AA==", range_end: "AA==" });
  return {
    open: (leaseTtl = 60) => openKvstore(etcd.config(leaseTtl)),
    async compact() {
      const { header } = (await etcd.json("/v3/kv/range", { key: "AA==" })) as { header: { revision: string } };
      await etcd.json("/v3/kv/compaction", { revision: header.revision });
    },
    break: () => etcd.kill(),
    repair: () => etcd.resume(),
    wipe: async () => etcd.wipe(),
    async expireLeases() {
      const { leases = [] } = (await etcd.json("/v3/lease/leases", {})) as { leases?: { ID: string }[] };
      for (const { ID } of leases) await etcd.json("/v3/lease/revoke", { ID });
    },
    [Symbol.asyncDispose]: async () => {},
  };
});
