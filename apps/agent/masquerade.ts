// SPDX-License-Identifier: Apache-2.0
// Masquerading as a module of the agent: tells the datapath what is excluded, by the configuration or by the
// ip-masq-agent's file, which it watches.
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { MasqueradingStatus } from "../../src/api/index.ts";
import {
  CiliumError,
  type Config,
  createLogger,
  type Health,
  type Module,
  readTextFile,
  toError,
} from "../../src/core/index.ts";
import type { Datapath, MasqueradeConfig } from "../../src/datapath/index.ts";
import { type IpMasqConfig, IpMasqFileError, parseIpMasqFile } from "./ip-masq-file.ts";
import { options } from "./options.ts";
import type { LocalAddresses } from "./settings.ts";

const SETTLE = 100;
const RETRY = 60_000;
/** A ConfigMap has no more. */
const maxFileBytes = 1024 * 1024;

/** Undefined when it is off. */
export function masqueradeConfig(config: Config): MasqueradeConfig | undefined {
  const ipv4 = config.get(options.enableIpv4) && config.get(options.enableIpv4Masquerade);
  const ipv6 = config.get(options.enableIpv6) && config.get(options.enableIpv6Masquerade);
  if (!ipv4 && !ipv6) return undefined;
  const devices = config.get(options.egressMasqueradeInterfaces);
  const hostRouting = !config.get(options.enableHostLegacyRouting) && !config.get(options.enableEndpointRoutes);
  return { ipv4, ipv6, devices, hostRouting };
}

/** Where pods' own addresses are known: what the configuration says, or the node's pods. */
function nativeCidrs(config: Config, local: LocalAddresses): { readonly ipv4?: string; readonly ipv6?: string } {
  const ipv4 = config.get(options.ipv4NativeRoutingCidr) || local.ipv4PodCidr;
  const ipv6 = config.get(options.ipv6NativeRoutingCidr) || local.ipv6PodCidr;
  return { ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
}

type MasqueradeDatapath = Pick<Datapath, "setMasqueradeExclusions" | "maps">;

/** To be started behind the datapath. */
export function createMasquerade(config: Config, local: LocalAddresses, datapath: MasqueradeDatapath): Module {
  if (masqueradeConfig(config) === undefined)
    return { name: "masquerade", start: async () => {}, stop: async () => {} };
  if (config.get(options.enableIpMasqAgent))
    return new IpMasqAgent(config.get(options.ipMasqAgentConfigPath), datapath);
  const exclude = () => datapath.setMasqueradeExclusions(Object.values(nativeCidrs(config, local)));
  return { name: "masquerade", start: async () => exclude(), stop: async () => {} };
}

/** Follows the file. One that is bad leaves what was excluded before, over restarts too. */
class IpMasqAgent implements Module {
  readonly name = "masquerade";
  readonly #log = createLogger("masquerade");
  readonly #path: string;
  readonly #datapath: MasqueradeDatapath;
  /** Undefined before the first list; a list may be empty. */
  #taken: string | undefined;
  #failure: string | undefined;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The timer is for a change that was told. */
  #soon = false;

  constructor(path: string, datapath: MasqueradeDatapath) {
    this.#path = path;
    this.#datapath = datapath;
  }

  async start(): Promise<void> {
    this.#look();
    // A mounted ConfigMap changes by a link in its folder.
    try {
      this.#watcher = watch(dirname(this.#path), () => this.#lookSoon());
      this.#watcher.on("error", () => this.#watcher?.close());
    } catch (error) {
      this.#log.info("Cannot watch the folder of the ip-masq-agent's file, it is read now and then", {
        file: basename(this.#path),
        error: toError(error).message,
      });
    }
  }

  async stop(): Promise<void> {
    this.#watcher?.close();
    clearTimeout(this.#timer);
  }

  health(): Health {
    return this.#failure === undefined ? { state: "ok" } : { state: "degraded", message: this.#failure };
  }

  /** A folder that changes without end must not put the look off without end. */
  #lookSoon(): void {
    if (!this.#soon) this.#lookIn(SETTLE);
    this.#soon = true;
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    this.#soon = false;
    let next = RETRY;
    try {
      const found = parseIpMasqFile(this.#path, readIfThere(this.#path));
      this.#take(found);
      this.#failure = undefined;
      next = found.resync;
    } catch (error) {
      this.#keepBefore(toError(error).message);
    }
    this.#lookIn(next);
  }

  #take({ excluded }: IpMasqConfig): void {
    const text = excluded.join(", ");
    if (text === this.#taken) return;
    this.#datapath.setMasqueradeExclusions(excluded);
    this.#taken = text;
    this.#log.info("Destinations that are not masqueraded", { prefixes: text });
  }

  #keepBefore(failure: string): void {
    if (failure !== this.#failure) this.#log.error("What was excluded from masquerading before stays", { failure });
    this.#failure = failure;
    if (this.#taken !== undefined) return;
    const before = this.#datapath.maps.ipmasq.list();
    this.#take({ ...parseIpMasqFile(this.#path, undefined), ...(before.length > 0 && { excluded: before }) });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readTextFile(path, maxFileBytes);
  } catch (error) {
    if (error instanceof CiliumError) throw error;
    const { code = toError(error).message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new IpMasqFileError(`Cannot read the ip-masq-agent's file "${path}": ${code}`);
  }
}

/** What status says. */
export function masqueradingStatus(
  config: Config,
  local: LocalAddresses,
  datapath: Pick<Datapath, "masquerading">,
): MasqueradingStatus {
  const masquerade = masqueradeConfig(config);
  if (masquerade === undefined) return { enabled: false };
  const agent = config.get(options.enableIpMasqAgent);
  const { ipv4, ipv6 } = agent ? {} : nativeCidrs(config, local);
  return {
    enabled: true,
    enabledProtocols: { ipv4: masquerade.ipv4, ipv6: masquerade.ipv6 },
    mode: "BPF",
    "ip-masq-agent": agent,
    devices: datapath.masquerading().devices.map(({ name }) => name),
    ...(masquerade.ipv4 && ipv4 !== undefined && { "snat-exclusion-cidr-v4": ipv4 }),
    ...(masquerade.ipv6 && ipv6 !== undefined && { "snat-exclusion-cidr-v6": ipv6 }),
  };
}
