// SPDX-License-Identifier: Apache-2.0
// The memory backend keeps the contract.
import { createLogger, systemClock } from "../../../core/index.ts";
import { testKvstore } from "../../kvstore.conformance.ts";
import { KvstoreSession } from "../../session.ts";
import { MemoryConnection, MemoryStore } from "./index.ts";

testKvstore("memory", async () => {
  const store = new MemoryStore(systemClock);
  const connections: MemoryConnection[] = [];
  return {
    open(leaseTtl = 60) {
      const connection = new MemoryConnection(store);
      connections.push(connection);
      return new KvstoreSession({ connection, clock: systemClock, log: createLogger("kvstore"), leaseTtl });
    },
    compact: async () => store.compact(),
    break: async () => connections.forEach((connection) => void connection.cut()),
    repair: async () => connections.forEach((connection) => void connection.restore()),
    wipe: async () => store.wipe(),
    expireLeases: async () => store.expireLeases(),
    [Symbol.asyncDispose]: async () => store.wipe(),
  };
});
