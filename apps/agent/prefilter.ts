// SPDX-License-Identifier: Apache-2.0
// The prefilter as a module of the agent; without it, what an earlier run left of one is taken away.
import { join } from "node:path";
import { type Config, createLogger, type Module } from "../../src/core/index.ts";
import { Prefilter, removePrefilter } from "../../src/datapath/index.ts";
import { options } from "./options.ts";
import { bpfObjects, type LocalAddresses } from "./settings.ts";

/** Undefined when it is off. */
export function createPrefilter(config: Config, { ipv4, ipv6 }: LocalAddresses): Prefilter | undefined {
  if (!config.get(options.enableXdpPrefilter)) return undefined;
  return new Prefilter({
    bpfRoot: config.get(options.bpfRoot),
    objectDir: bpfObjects,
    stateFile: join(config.get(options.stateDir), "prefilter"),
    enableIpv4: config.get(options.enableIpv4),
    enableIpv6: config.get(options.enableIpv6),
    devices: config.get(options.devices),
    nodeAddresses: [ipv4, ipv6].filter((address) => address !== undefined),
  });
}

/** To be started when the bpffs is there. */
export function createPrefilterModule(prefilter: Prefilter | undefined, bpfRoot: string): Module {
  const log = createLogger("prefilter");
  return {
    name: "prefilter",
    async start() {
      if (prefilter !== undefined) prefilter.start();
      else if (removePrefilter(bpfRoot)) log.info("The prefilter is off now, its tables are gone");
    },
    async stop() {
      prefilter?.stop();
    },
    health() {
      const failure = prefilter?.failure;
      return failure === undefined ? { state: "ok" } : { state: "degraded", message: failure.message };
    },
  };
}
