// SPDX-License-Identifier: Apache-2.0
// For kernel tests: a node with a datapath that is up before the tests and gone after them.
import { join } from "node:path";
import { after, before } from "node:test";
import { BpfMap, Rtnetlink } from "../kernel/index.ts";
import { createDatapath } from "./datapath.ts";
import { mapPinRoot } from "./maps/names.ts";
import { nodeUnderlay, privateBpffs, testConfig } from "./testing.ts";
import type { Datapath, DatapathConfig } from "./types.ts";

/** To be made in private namespaces, while tests are registered; its datapath starts when they begin. */
export class DatapathNode {
  readonly root = privateBpffs();
  /** Where maps are pinned. */
  readonly globals = mapPinRoot(this.root);
  readonly config: DatapathConfig;
  readonly rtnl: Rtnetlink;
  datapath: Datapath;

  constructor(settings: Partial<DatapathConfig> = {}) {
    this.config = { ...testConfig(this.root), ...settings };
    nodeUnderlay();
    this.rtnl = new Rtnetlink();
    this.datapath = createDatapath(this.config);
    before(() => this.datapath.start());
    after(async () => {
      await this.datapath.destroy();
      this.rtnl.close();
    });
  }

  /** Another agent in place of this one; with `changed` settings beside the node's own. */
  async restart(changed: Partial<DatapathConfig> = {}): Promise<void> {
    await this.datapath.stop();
    await this.start(changed);
  }

  /** A new datapath, where the earlier one has stopped. */
  async start(changed: Partial<DatapathConfig> = {}): Promise<void> {
    this.datapath = createDatapath({ ...this.config, ...changed });
    await this.datapath.start();
  }

  /** Opens a pinned map for as long as `use` runs. */
  withMap<T>(name: string, use: (map: BpfMap) => T): T {
    using map = BpfMap.openPinned(join(this.globals, name));
    return use(map);
  }
}
