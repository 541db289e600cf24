// SPDX-License-Identifier: Apache-2.0
// The backend `etcd`: etcd v3 through its own gRPC API.
import type { KvstoreBackend } from "../../backend-types.ts";
import { EtcdClient } from "./client.ts";
import { EtcdConnection } from "./connection.ts";
import { etcdOptionHelp, parseEtcdOptions } from "./options.ts";

/** The backend of the registry. */
export const etcd = {
  name: "etcd",
  options: etcdOptionHelp,
  create: (options, { clock, logger }) => new EtcdConnection(new EtcdClient(parseEtcdOptions(options), clock, logger)),
} satisfies KvstoreBackend;
