// SPDX-License-Identifier: Apache-2.0
// The only import door of src/protos.

export * as containerspb from "./gen/containerd/containers_pb.ts";
export * as kvpb from "./gen/etcd/kv_pb.ts";
export * as etcdpb from "./gen/etcd/rpc_pb.ts";
