// SPDX-License-Identifier: Apache-2.0
// Pods with ipvlan devices: those that this run makes, and those that an earlier run left.
import { join } from "node:path";
import { type Config, ConfigError } from "../../src/core/index.ts";
import { slaveMaster } from "../../src/datapath/index.ts";
import { storedSlaves } from "../../src/endpoint/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { options, unfitForSlaves } from "./options.ts";

/** Whether new pods get ipvlan devices. */
export function makesSlaves(config: Config): boolean {
  return config.get(options.datapathMode) === "ipvlan";
}

/**
 * The device whose slaves pods have or get; nothing when there are none. Throws ConfigError for a device that is not
 * there, for another one than that of pods there are, and for what these do not get along with.
 */
export function ipvlanMaster(config: Config): { ipvlanMaster?: string } {
  using rtnl = new Rtnetlink();
  const masters = storedSlaves(join(config.get(options.stateDir), "state")).map(slaveMaster);
  const index = masters.find((ifindex) => ifindex !== undefined);
  const found = index === undefined ? undefined : rtnl.link(index)?.name;
  if (!makesSlaves(config)) {
    if (found === undefined) return {};
    requireFitForSlaves(config);
    return { ipvlanMaster: found };
  }
  const name = config.get(options.ipvlanMasterDevice);
  if (rtnl.link(name) === undefined) throw unfit(name, "the name of a device of this node");
  if (found !== undefined && found !== name) throw unfit(name, `${found}, which pods of this node are on`);
  return { ipvlanMaster: name };
}

/** For a node whose new pods get pairs. Throws ConfigError for what the ipvlan pods that it still has do not bear. */
export function requireFitForSlaves(config: Config): void {
  for (const [key, check] of Object.entries(unfitForSlaves)) {
    const problem = check(config);
    if (problem === undefined) continue;
    const allowed = `${problem.allowed} until this node's ipvlan pods of an earlier datapath-mode are deleted`;
    throw new ConfigError(key, `Cannot use configuration: key "${key}" has ${problem.found} (allowed: ${allowed})`);
  }
}

/** As Cilium's API names it; undefined where pods get pairs. */
export function ipvlanConfiguration(config: Config): { masterDeviceIndex: number; operationMode: string } | undefined {
  if (!makesSlaves(config)) return undefined;
  using rtnl = new Rtnetlink();
  const masterDeviceIndex = rtnl.link(config.get(options.ipvlanMasterDevice))?.ifindex ?? 0;
  return { masterDeviceIndex, operationMode: config.get(options.ipvlanOperationMode) };
}

function unfit(found: string, allowed: string): ConfigError {
  const { name } = options.ipvlanMasterDevice;
  return new ConfigError(name, `Cannot use configuration: key "${name}" has "${found}" (allowed: ${allowed})`);
}
