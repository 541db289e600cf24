// SPDX-License-Identifier: Apache-2.0
// The node's object files, their digest, and how each is loaded.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { abiLayout } from "../../abi/index.ts";
import {
  type BpfMap,
  type BpfObject,
  loadObject,
  MapIncompatibleError,
  type ObjectMapOptions,
  VerifierError,
} from "../../kernel/index.ts";
import { DatapathError, datapathError } from "../errors.ts";
import type { MapMigrations } from "../maps/migration.ts";
import { mapNames, mapPinRoot } from "../maps/names.ts";
import type { DatapathConfig } from "../types.ts";
import { mapSizes, nodeConstants, type ProgramPlaces } from "./node-values.ts";
import { type ObjectFile, readObjectFile } from "./object-file.ts";

const objectFiles = {
  container: "container.o",
  entry: "entry.o",
  host: "host.o",
  overlay: "overlay.o",
  netdev: "netdev.o",
  underlay: "underlay.o",
  pod: "pod.o",
} as const;
type Part = keyof typeof objectFiles;
/** Objects that are loaded once a node. */
export type NodePart = Exclude<Part, "entry" | "pod">;

export interface LoadOptions {
  /** Variables of this load alone. */
  readonly constants?: Readonly<Record<string, number | Uint8Array>>;
  /** Tail-call map to use; without it the object makes one. */
  readonly calls?: BpfMap;
  /** Where pinned maps may be exchanged for others. */
  readonly migrations?: MapMigrations;
}

/** Files are read once; each is parsed when it is first loaded. */
export class ObjectSet {
  readonly #config: DatapathConfig;
  readonly #files = new Map<Part, ObjectFile>();

  constructor(config: DatapathConfig) {
    this.#config = config;
  }

  /** Of everything that makes the programs what they are. */
  digest(places: ProgramPlaces): string {
    const hash = createHash("sha256");
    hash.update(JSON.stringify([nodeConstants(this.#config, places), mapSizes(this.#config), abiLayout]));
    for (const file of Object.values(objectFiles)) hash.update(readBytes(join(this.#config.objectDir, file), file));
    return hash.digest("hex").slice(0, 16);
  }

  load(part: Part, places: ProgramPlaces, options: LoadOptions): BpfObject {
    const file = this.#file(part);
    const constants = { ...nodeConstants(this.#config, places), ...options.constants };
    try {
      const object = loadObject(file.bytes, {
        name: file.name,
        rodata: Object.fromEntries(Object.entries(constants).filter(([name]) => file.variables.has(name))),
        maps: mapOptions(this.#config, file, options),
      });
      fillMaps(object, options.migrations);
      return object;
    } catch (error) {
      throw loadError(file.name, error);
    }
  }

  #file(part: Part): ObjectFile {
    const file = this.#files.get(part) ?? readObjectFile(join(this.#config.objectDir, objectFiles[part]));
    this.#files.set(part, file);
    return file;
  }
}

function fillMaps(object: BpfObject, migrations: MapMigrations | undefined): void {
  try {
    migrations?.fill((name) => (object.mapNames.includes(name) ? object.map(name) : undefined));
  } catch (error) {
    object.close();
    throw error;
  }
}

function readBytes(path: string, name: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw datapathError(`Cannot read object "${name}"`, error, "build the objects first: node tools/build-bpf.ts");
  }
}

function mapOptions(config: DatapathConfig, file: ObjectFile, options: LoadOptions): Record<string, ObjectMapOptions> {
  const sizes = mapSizes(config);
  const root = mapPinRoot(config.bpfRoot);
  const { calls, migrations } = options;
  const maps: Record<string, ObjectMapOptions> = {};
  for (const name of file.maps) {
    if (name === mapNames.calls) {
      maps[name] = calls === undefined ? {} : { reuse: calls };
      continue;
    }
    const maxEntries = sizes[name];
    maps[name] = {
      pinPath: join(root, name),
      ...(maxEntries === undefined ? {} : { maxEntries }),
      ...(migrations && { choose: (pinned, wanted) => migrations.choose(name, pinned, wanted) }),
    };
  }
  return maps;
}

function loadError(name: string, error: unknown): Error {
  if (error instanceof VerifierError) {
    return datapathError(`Cannot load object "${name}"`, error, "the programs in place stay; build the objects again");
  }
  if (error instanceof MapIncompatibleError) {
    // The kernel layer's own advice is for one map; here all of them belong together.
    const reason = error.message.replace(/ \([^()]*\)$/, "");
    const advice = "go back to the objects it was made by, or remove the datapath with post-uninstall-cleanup";
    return new DatapathError(`Cannot load object "${name}": ${reason} (${advice})`, { cause: error });
  }
  return datapathError(`Cannot load object "${name}"`, error);
}
