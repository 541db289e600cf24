// SPDX-License-Identifier: Apache-2.0
// A folder of manifests as a source of objects: what is in the files is in the table.
import { createHash } from "node:crypto";
import { type FSWatcher, mkdirSync, readdirSync, readFileSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { createLogger, type Health, type Module, type Table, toError } from "../core/index.ts";
import { parseManifests } from "./manifest.ts";
import type { ManifestError, ResourceRow } from "./types.ts";

const log = createLogger("static-resources");
const maxFileBytes = 16 * 1024 * 1024;
const settleMs = 20;
const rescanMs = 10_000;

interface LoadedFile {
  readonly digest: string;
  readonly rows: readonly ResourceRow[];
}

export interface StaticSource extends Module {
  /** Files that are not in force as they are now, with the reason; their last good content stays. */
  errors(): readonly ManifestError[];
  /** Reads the folder now; what changed is in the table when it returns. */
  rescan(): void;
}

/**
 * Watches `directory` (`*.yaml`, `*.yml`, `*.json`; not its folders) and keeps the resource table equal to it.
 * A file that cannot be read keeps its last good objects and is named in errors(); a removed file removes them.
 * When two files hold the same object, the first by name wins and the other is an error.
 */
export function createStaticSource(
  deps: { resources: Table<ResourceRow, string> },
  config: { directory: string },
): StaticSource {
  const files = new Map<string, LoadedFile>();
  const failed = new Map<string, string>();
  let watcher: FSWatcher | undefined;
  let settle: NodeJS.Timeout | undefined;
  let periodic: NodeJS.Timeout | undefined;
  const initialized = deps.resources.registerInitializer("static-resources");

  function readFile(name: string): void {
    const path = join(config.directory, name);
    try {
      const stat = statSync(path);
      if (!stat.isFile()) throw new Error(`Cannot use ${path}: not a regular file`);
      const { size } = stat;
      if (size > maxFileBytes) throw new Error(`Cannot use ${path}: ${size} bytes, expected at most ${maxFileBytes}`);
      const text = readFileSync(path, "utf8");
      const digest = createHash("sha256").update(text).digest("base64");
      if (files.get(name)?.digest === digest && !failed.has(name)) return;
      files.set(name, { digest, rows: parseManifests(text, path) });
      failed.delete(name);
    } catch (thrown) {
      const message = toError(thrown).message;
      if (failed.get(name) !== message)
        log.warn("Manifest not taken, its last good state stays", { file: path, error: message });
      failed.set(name, message);
    }
  }

  function rescan(): void {
    const names = listManifests(config.directory);
    for (const name of [...files.keys(), ...failed.keys()]) {
      if (names.includes(name)) continue;
      files.delete(name);
      failed.delete(name);
    }
    for (const name of names) readFile(name);
    const wanted = merge(names, files, failed);
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
      mkdirSync(config.directory, { recursive: true });
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

/** The objects of all files; one that is there twice is the first file's, and an error of the other's. */
function merge(
  names: readonly string[],
  files: ReadonlyMap<string, LoadedFile>,
  failed: Map<string, string>,
): Map<string, ResourceRow> {
  const wanted = new Map<string, ResourceRow>();
  for (const name of names) {
    for (const row of files.get(name)?.rows ?? []) {
      const first = wanted.get(row.id);
      if (first === undefined) wanted.set(row.id, row);
      else if (!failed.has(name)) {
        failed.set(name, `Cannot use ${row.origin}: "${row.id}" is in ${first.origin} already`);
      }
    }
  }
  return wanted;
}

function listManifests(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith("."))
    .sort();
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
