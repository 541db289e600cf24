// SPDX-License-Identifier: Apache-2.0
// A folder of manifests as a source of objects: what is in the files is in the table.
import { type FSWatcher, mkdirSync, watch } from "node:fs";
import { CiliumError, createLogger, type Health, type Module, type Table, toError } from "../core/index.ts";
import { ManifestFiles } from "./manifest-files.ts";
import type { ManifestError, ResourceRow } from "./types.ts";

const log = createLogger("static-resources");
const settleMs = 20;
const rescanMs = 10_000;

export interface StaticSource extends Module {
  /** Files that are not in force as they are now, with the reason; their last good content stays. */
  errors(): readonly ManifestError[];
  /** Reads the folder now; what changed is in the table when it returns. */
  rescan(): void;
}

/**
 * Watches `directory` (`*.yaml`, `*.yml`, `*.json`; not its folders) and keeps the resource table equal to it.
 * A file that cannot be read keeps its last good objects and is named in errors(); a removed file removes them. `keep`
 * is a folder for the last good texts, so that a file that is bad when the agent starts keeps its objects too.
 * When two files hold the same object, the first by name wins and the other is an error.
 */
export function createStaticSource(
  deps: { resources: Table<ResourceRow, string> },
  config: { directory: string; keep?: string },
): StaticSource {
  const files = new ManifestFiles(config.directory, config.keep);
  const { failed } = files;
  let watcher: FSWatcher | undefined;
  let settle: NodeJS.Timeout | undefined;
  let periodic: NodeJS.Timeout | undefined;
  const initialized = deps.resources.registerInitializer("static-resources");

  function rescan(): void {
    const wanted = files.scan();
    for (const row of [...deps.resources.all()]) if (!wanted.has(row.id)) deps.resources.delete(row.id);
    deps.resources.upsertMany([...wanted.values()].filter((row) => deps.resources.get(row.id) !== row));
  }

  function soon(): void {
    settle ??= setTimeout(() => {
      settle = undefined;
      safely(rescan);
    }, settleMs);
  }

  return {
    name: "static-resources",
    async start() {
      makeFolder(config.directory);
      watcher = watch(config.directory, soon);
      watcher.on("error", (error) =>
        log.warn("Watching the folder failed, it is read every 10 s", { error: error.message }),
      );
      periodic = setInterval(() => safely(rescan), rescanMs);
      rescan();
      initialized();
    },
    async stop() {
      watcher?.close();
      clearTimeout(settle);
      clearInterval(periodic);
    },
    health(): Health {
      const first = [...failed.values()][0];
      return first === undefined
        ? { state: "ok" }
        : { state: "degraded", message: `${failed.size} manifest(s) not taken: ${first}` };
    },
    errors: () => [...failed].map(([file, message]) => ({ file, message })),
    rescan,
  };
}

function safely(scan: () => void): void {
  try {
    scan();
  } catch (thrown) {
    log.error("Cannot read the folder of static resources, its last good state stays", {
      error: toError(thrown).message,
    });
  }
}

function makeFolder(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CiliumError(`Cannot use "${directory}" for manifests: ${code} (a folder is needed)`);
  }
}
