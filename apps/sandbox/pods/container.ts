// SPDX-License-Identifier: Apache-2.0
// Runs a pod's containers: the machine's own programs in the pod's namespaces.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { podCgroup } from "../cgroups.ts";
import { SandboxError } from "../errors.ts";
import { readIfThere } from "../files.ts";
import { lastWords } from "../log-tail.ts";
import type { Container, FieldPath, PodSpec } from "../manifests/shapes.ts";
import { runPath, sandboxPaths } from "../paths.ts";
import { isAlive, listeningPorts, spawnDetached } from "../process.ts";
import type { ContainerRecord, PodRecord, ProcessRef, Sandbox, SandboxNode } from "../types.ts";
import { waitFor } from "../wait.ts";

/** $0: folder of the pod, $1: its name. Own mounts that follow the machine's, so that what is removed there goes here too. */
const pauseScript = `
mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/resolv.conf" "$(readlink -f /etc/resolv.conf)" &&
hostname "$1" && : >"$0/namespaces-ready" && exec sleep infinity`;

/** $0: status file, $1: restart policy, then the command. Restarts wait a second more each time, up to ten. */
const runScript = `
status=$0 policy=$1 n=0; shift
say() { echo "$@" >"$status.new" && mv "$status.new" "$status"; }
while :; do
  say running $n; "$@"; code=$?; say exited $n $code
  case $policy in Never) exit ;; OnFailure) [ $code -eq 0 ] && exit ;; esac
  n=$((n + 1)); sleep $((n < 10 ? n : 10))
done`;

/** Makes the pod's namespaces beside the network's, with its own /etc/hosts and /etc/resolv.conf. */
export async function startPause(sandbox: Sandbox, pod: PodRecord): Promise<ProcessRef> {
  const paths = sandboxPaths(sandbox.name).pod(pod.namespace, pod.name);
  mkdirSync(paths.folder, { recursive: true });
  rmSync(paths.ready, { force: true });
  const own = pod.ips.map((ip) => `${ip}\t${pod.name}`);
  writeFileSync(paths.hosts, `${["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost", ...own].join("\n")}\n`);
  writeFileSync(paths.resolvConf, `search ${pod.namespace}.svc.cluster.local svc.cluster.local cluster.local\n`);
  const log = paths.log("pause");
  const pause = spawnDetached({
    netns: paths.netns,
    cgroup: podCgroup(sandbox.name, pod),
    log,
    env: { PATH: runPath },
    command: ["unshare", "--mount", "--uts", "--propagation", "slave", "sh", "-c", pauseScript, paths.folder, pod.name],
  });
  const done = await waitFor(() => existsSync(paths.ready) || !isAlive(pause), 10_000);
  if (done && isAlive(pause)) return pause;
  throw new SandboxError(
    `Cannot make the namespaces of pod "${pod.namespace}/${pod.name}": ${lastWords(log)} (${log})`,
  );
}

/** Starts every container that has a command or args. */
export function startContainers(
  sandbox: Sandbox,
  node: SandboxNode,
  pod: PodRecord,
  pause: ProcessRef,
): ContainerRecord[] {
  const paths = sandboxPaths(sandbox.name).pod(pod.namespace, pod.name);
  const spec = pod.object.spec as PodSpec;
  return spec.containers.map((container) => {
    const variables = environment(container, node, pod);
    const command = [...(container.command ?? []), ...(container.args ?? [])].map((word) => expand(word, variables));
    if (command.length === 0) return { name: container.name };
    const inPod = ["nsenter", `--mount=/proc/${pause.pid}/ns/mnt`, `--uts=/proc/${pause.pid}/ns/uts`];
    const folder = [`--wdns=${container.workingDir ?? "/"}`];
    const process = spawnDetached({
      netns: paths.netns,
      cgroup: podCgroup(sandbox.name, pod),
      log: paths.log(container.name),
      env: { PATH: runPath, HOME: "/root", HOSTNAME: pod.name, ...variables },
      command: [
        ...["sh", "-c", runScript, paths.status(container.name), spec.restartPolicy ?? "Always"],
        ...[...inPod, ...folder, "--", ...command],
      ],
    });
    return { name: container.name, process };
  });
}

function environment(container: Container, node: SandboxNode, pod: PodRecord): Record<string, string> {
  const fields: Record<FieldPath, string> = {
    "metadata.name": pod.name,
    "metadata.namespace": pod.namespace,
    "metadata.uid": pod.uid,
    "spec.nodeName": pod.node,
    "status.hostIP": node.ipv4 ?? node.ipv6 ?? "",
    "status.podIP": pod.ips[0] ?? "",
    "status.podIPs": pod.ips.join(","),
  };
  const variables: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    variables[name] = valueFrom === undefined ? expand(value ?? "", variables) : fields[valueFrom.fieldRef.fieldPath];
  }
  return variables;
}

/** $(NAME) as Kubernetes expands it: unknown names stay as they are, $$(NAME) gives $(NAME). */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$?)\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)/g, (whole, escaped: string, name: string) =>
    escaped === "$" ? whole.slice(1) : (variables[name] ?? whole),
  );
}

export interface ContainerState {
  readonly name: string;
  readonly state: "waiting" | "running" | "exited";
  readonly ready: boolean;
  readonly restarts: number;
  /** Of the last run that ended. */
  readonly exitCode?: number;
}

/** How the pod's containers are now. */
export function containerStates(sandbox: Sandbox, pod: PodRecord): ContainerState[] {
  const paths = sandboxPaths(sandbox.name).pod(pod.namespace, pod.name);
  const spec = pod.object.spec as PodSpec;
  const up = isAlive(pod.pause);
  return spec.containers.map((container) => {
    const process = pod.containers.find((record) => record.name === container.name)?.process;
    const [word, restarts, code] = (readIfThere(paths.status(container.name)) ?? "").trim().split(" ");
    // A container without a command is nothing but its pod's namespaces.
    const idle = process === undefined && pod.containers.length > 0;
    const running = up && (idle || (word === "running" && isAlive(process)));
    const ended = process !== undefined && (word === "exited" || !isAlive(process));
    return {
      name: container.name,
      state: running ? "running" : ended || (idle && !up) ? "exited" : "waiting",
      ready: running && isListening(container, pod),
      restarts: Number(restarts ?? 0),
      ...(code !== undefined && { exitCode: Number(code) }),
    };
  });
}

/** A readiness probe is asked by looking at what the pod listens on: TCP alone, without a packet. */
function isListening(container: Container, pod: PodRecord): boolean {
  const probe = container.readinessProbe;
  const wanted = probe?.tcpSocket?.port ?? probe?.httpGet?.port;
  if (wanted === undefined || pod.pause === undefined) return true;
  const port =
    typeof wanted === "number" ? wanted : container.ports?.find((port) => port.name === wanted)?.containerPort;
  return port !== undefined && listeningPorts(pod.pause.pid).has(port);
}
