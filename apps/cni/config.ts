// SPDX-License-Identifier: Apache-2.0
// The network configuration on stdin.
import { defaultAgentSocket, type IpamQuery } from "../../src/api/index.ts";
import { invalid, isObject, type Json, list, notSupported, object, shown, socketPath, text } from "./config-fields.ts";
import { type RuntimeConfig, readRuntimeConfig } from "./runtime-config.ts";
import { type CniVersion, parseVersion } from "./versions.ts";

/** In flannel and generic-veth another plugin makes the network, and this one the endpoint; portmap comes behind us. */
const chainingModes = ["none", "portmap", "generic-veth", "flannel"] as const;
export type ChainingMode = (typeof chainingModes)[number];

/** Who is asked for a container's labels. */
const labelSources = ["containerd", "podman"] as const;

export interface LabelSource {
  readonly runtime: (typeof labelSources)[number];
  readonly socket: string;
}

const runtimeSockets: Readonly<Record<LabelSource["runtime"], string>> = {
  containerd: "/run/containerd/containerd.sock",
  podman: "/run/podman/podman.sock",
};

export interface PluginConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly agentSocket: string;
  /** MTU of pods' devices; 0: the agent's. */
  readonly mtu: number;
  /** IPAM pool, "default" unless `ipam.pool` says otherwise. */
  readonly pool: NonNullable<IpamQuery["pool"]>;
  /** Undefined: as the agent's configuration says. */
  readonly chaining?: ChainingMode;
  /** Of every container of this network that is no Kubernetes pod, `source:key=value`. */
  readonly labels: readonly string[];
  /** Undefined: nobody is asked. */
  readonly labelSource?: LabelSource;
  readonly runtimeConfig: RuntimeConfig;
  /** Packets take no short cuts past the node's stack and the device's qdiscs, where plugins behind this one act. */
  readonly throughStack: boolean;
  /** GC: what is to stay, as `containerID:ifname`; undefined: the runtime did not say. */
  readonly validAttachments?: ReadonlySet<string>;
  /** Undefined: no log file. */
  readonly logFile?: string;
  readonly debug: boolean;
  /** As given; undefined when there is none. */
  readonly prevResult?: unknown;
}

/** Fields of other modes of Cilium's plugin, which this one does not have. */
const unsupported = ["eni", "azure", "alibaba-cloud"];

/** Checks the configuration. Throws CniError 1 (version), 2 (unsupported field) or 7 (invalid). */
export function parseConfig(json: Json): PluginConfig {
  const cniVersion = parseVersion(json.cniVersion);
  const name = networkName(json);
  if (text(json, "type") === undefined) throw invalid('"type" is not set');
  for (const field of unsupported) {
    if (json[field] !== undefined) throw notSupported(field);
  }
  const chaining = chainingMode(text(json, "chaining-mode") ?? "");
  const ipam = object(json, "ipam");
  const mode = text(ipam, "type", "ipam.type") ?? "";
  if (mode !== "" && mode !== "cilium") throw notSupported("ipam.type", mode);
  const logFile = text(json, "log-file");
  const labelSource = readLabelSource(object(json, "label-source"));
  const validAttachments = readAttachments(json);
  const runtimeConfig = readRuntimeConfig(object(json, "runtimeConfig"));
  return {
    ...{ cniVersion, name },
    agentSocket: socketPath(json, "agent-socket") ?? defaultAgentSocket,
    mtu: mtuOf(json.mtu),
    pool: text(ipam, "pool", "ipam.pool") ?? "default",
    ...(chaining === undefined ? {} : { chaining }),
    labels: list(json, "labels").map((label, i) => text({ label }, "label", `labels[${i}]`) ?? ""),
    ...(labelSource === undefined ? {} : { labelSource }),
    runtimeConfig,
    throughStack: json["through-stack"] === true || runtimeConfig.byStack,
    ...(validAttachments === undefined ? {} : { validAttachments }),
    ...(logFile === undefined || logFile === "" ? {} : { logFile }),
    debug: json["enable-debug"] === true,
    ...(json.prevResult === undefined || json.prevResult === null ? {} : { prevResult: json.prevResult }),
  };
}

function networkName(json: Json): string {
  const name = text(json, "name") ?? "";
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return name;
  throw invalid(name === "" ? '"name" is not set' : `"name": "${name}" is not letters, digits, "_", "." and "-"`);
}

function chainingMode(given: string): ChainingMode | undefined {
  if (given === "") return undefined;
  const mode = chainingModes.find((known) => known === given);
  if (mode === undefined) throw notSupported("chaining-mode", given);
  return mode;
}

function readLabelSource(json: Json): LabelSource | undefined {
  const given = text(json, "runtime", "label-source.runtime");
  if (given === undefined) return undefined;
  const runtime = labelSources.find((known) => known === given);
  if (runtime === undefined) {
    throw invalid(`"label-source.runtime": "${given}" is not one of ${labelSources.join(", ")}`);
  }
  return { runtime, socket: socketPath(json, "socket", "label-source.socket") ?? runtimeSockets[runtime] };
}

/** The specification's field for GC. */
const validAttachmentsField = "cni.dev/valid-attachments";

function readAttachments(json: Json): ReadonlySet<string> | undefined {
  if (json[validAttachmentsField] === undefined) return undefined;
  return new Set(
    list(json, validAttachmentsField).map((item, i) => {
      const where = `${validAttachmentsField}[${i}]`;
      if (!isObject(item)) throw invalid(`"${where}" is not an object`);
      const [id, ifname] = [text(item, "containerID", where), text(item, "ifname", where)];
      if (id === undefined || ifname === undefined) throw invalid(`"${where}" has no "containerID" or no "ifname"`);
      return `${id}:${ifname}`;
    }),
  );
}

function mtuOf(value: unknown): number {
  if (value === undefined || value === null || value === 0) return 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1280 && value <= 65535) return value;
  throw invalid(`"mtu": ${shown(value)} is not 0 or 1280 to 65535`);
}
