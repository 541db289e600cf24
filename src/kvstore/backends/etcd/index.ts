// SPDX-License-Identifier: Apache-2.0
// The backend `etcd`: etcd v3 through its own gRPC API.
import type { KvstoreBackend } from "../../backend-types.ts";
import { EtcdClient } from "./client.ts";
import { EtcdConnection } from "./connection.ts";
import { etcdOptionHelp, parseEtcdOptions } from "./options.ts";

/** URLs of the servers that these `kvstore-opt` name. Throws ConfigError. */
export function etcdEndpoints(options: Readonly<Record<string, string>>): readonly string[] {
  return parseEtcdOptions(options).endpoints;
}

/** The backend of the registry. */
export const etcd = {
  name: "etcd",
  options: etcdOptionHelp,
  create: (options, { clock, logger }) => new EtcdConnection(new EtcdClient(parseEtcdOptions(options), clock, logger)),
} satisfies KvstoreBackend;
