// SPDX-License-Identifier: Apache-2.0
// Where a sandbox keeps what.
import { dirname, join, resolve } from "node:path";
import { nodeNetnsName, podNetnsName, underlayNetnsName } from "./names.ts";

/** One folder a sandbox. */
export const sandboxesRoot = "/run/cilium-sandbox";
export const netnsRoot = "/run/netns";
/** The checkout (or installation) that this file is part of. */
export const projectRoot = resolve(dirname(import.meta.filename), "../..");
/** PATH of whatever runs in a sandbox: the project's Node first, then the machine's programs. */
export const runPath = [
  join(projectRoot, "node_modules/node/bin"),
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
].join(":");

/** Paths of one sandbox. */
export function sandboxPaths(name: string) {
  const root = join(sandboxesRoot, name);
  return {
    root,
    state: join(root, "sandbox.json"),
    objects: join(root, "objects"),
    pods: join(root, "pods"),
    etcd: { data: join(root, "etcd/data"), process: join(root, "etcd/process.json"), log: join(root, "etcd/etcd.log") },
    underlayNetns: join(netnsRoot, underlayNetnsName(name)),
    node: (node: string) => nodePaths(root, name, node),
    pod: (namespace: string, pod: string) => podPaths(root, name, namespace, pod),
  };
}

function nodePaths(root: string, sandbox: string, node: string) {
  const folder = join(root, "nodes", node);
  return {
    folder,
    state: join(folder, "state"),
    socket: join(folder, "state/cilium.sock"),
    monitorSocket: join(folder, "state/monitor1_2.sock"),
    bpf: join(folder, "bpf"),
    staticResources: join(folder, "static"),
    agentLog: join(folder, "logs/agent.log"),
    cniLog: join(folder, "logs/cni.log"),
    agentProcess: join(folder, "agent.json"),
    netns: join(netnsRoot, nodeNetnsName(sandbox, node)),
  };
}

function podPaths(root: string, sandbox: string, namespace: string, pod: string) {
  const folder = join(root, "pods", `${namespace}_${pod}`);
  return {
    folder,
    record: join(folder, "pod.json"),
    hosts: join(folder, "hosts"),
    resolvConf: join(folder, "resolv.conf"),
    ready: join(folder, "namespaces-ready"),
    log: (container: string) => join(folder, `${container}.log`),
    status: (container: string) => join(folder, `${container}.status`),
    netns: join(netnsRoot, podNetnsName(sandbox, namespace, pod)),
  };
}
