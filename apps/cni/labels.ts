// SPDX-License-Identifier: Apache-2.0
// Labels of a container that is no Kubernetes pod: those of its network's configuration, and its runtime's own.
import type { DaemonConfiguration } from "../../src/api/index.ts";
import { containerLabels, errorChain } from "../../src/core/index.ts";
import type { LabelSource } from "./config.ts";
import type { AttachmentEnvironment } from "./environment.ts";
import { CniError, cniCodes } from "./errors.ts";
import type { Request } from "./request.ts";

/** What a runtime knows of a container. */
export interface RuntimeContainer {
  readonly labels: Readonly<Record<string, string>>;
  /** For policies: containerd's namespace, podman has none. */
  readonly namespace?: string;
}

/** Of containers whose runtime knows no namespaces. */
const defaultNamespace = "default";

/**
 * For the endpoint's request. The agent takes a Pod object's labels in their place where there is one. Throws CniError 11
 * when the runtime that the configuration names does not answer: a container must not come up as somebody else.
 */
export async function endpointLabels(
  { config, warn }: Request,
  { containerId, pod }: AttachmentEnvironment,
  agentConfig: DaemonConfiguration,
): Promise<readonly string[]> {
  const { labelSource } = config;
  const container = labelSource === undefined || pod.name !== "" ? undefined : await ask(labelSource, containerId);
  if (container === undefined && labelSource !== undefined && pod.name === "") {
    warn(`${labelSource.runtime} knows no labels of container "${containerId}"`);
  }
  if (config.labels.length === 0 && container === undefined) return [];
  const cluster = agentConfig.status.daemonConfigurationMap?.["cluster-name"];
  const namespace = container?.namespace ?? defaultNamespace;
  const { labels, leftOut } = containerLabels(
    container?.labels ?? {},
    namespace,
    typeof cluster === "string" ? cluster : "",
  );
  if (leftOut.length > 0) warn(`Labels that cannot be part of an identity: ${leftOut.join(", ")}`);
  // What the network says of all its containers holds.
  const said = new Set(config.labels.map(keyOf));
  return [...config.labels, ...labels.filter((label) => !said.has(keyOf(label)))];
}

async function ask({ runtime, socket }: LabelSource, containerId: string): Promise<RuntimeContainer | undefined> {
  try {
    // Loaded when needed: most calls of the plugin do not, and start sooner.
    if (runtime === "podman") return await (await import("./runtimes/podman.ts")).podmanContainer(socket, containerId);
    return await (await import("./runtimes/containerd.ts")).containerdContainer(socket, containerId);
  } catch (error) {
    const advice = runtime === "podman" ? "start podman.socket" : "see label-source.socket";
    const reason = `Cannot ask ${runtime} at "${socket}" for labels: ${errorChain(error)} (${advice})`;
    throw new CniError(cniCodes.tryAgainLater, reason, "", error);
  }
}

/** Of `source:key=value`. */
function keyOf(label: string): string {
  return label.split("=")[0] ?? label;
}
