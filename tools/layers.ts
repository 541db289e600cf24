// SPDX-License-Identifier: Apache-2.0
// The layers of the architecture and the sideways edges that are allowed; read by check-layers.

/** Folder to layer; a folder may import from lower layers only. */
export const LAYERS: ReadonlyMap<string, number> = new Map(
  [
    ["src/core", "src/abi", "src/protos"],
    ["src/kernel"],
    ["src/datapath", "src/kvstore", "src/kubernetes"],
    ["src/node", "src/identity", "src/ipcache", "src/ipam", "src/policy", "src/endpoint", "src/health"],
    ["src/api"],
  ].flatMap((folders, layer) => folders.map((folder) => [folder, layer] as const)),
);

/** The layer of every folder below `apps`. */
export const APP_LAYER = 5;

/** Sideways edges within a layer: importer to what it may import. From docs/designs/0001-first-slice.md. */
export const SIDEWAYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["src/policy", ["src/identity"]],
  ["src/ipcache", ["src/identity", "src/node"]],
  ["src/health", ["src/node"]],
  ["src/endpoint", ["src/identity", "src/ipcache", "src/ipam", "src/policy"]],
  // `cilium sandbox …` is a command of the command line.
  ["apps/cli", ["apps/sandbox"]],
  // The agent runs the CNI plugin for its launcher.
  ["apps/agent", ["apps/cni"]],
  // Device names, deletions that wait: what a container's device has with every runtime.
  ["apps/docker", ["apps/cni"]],
]);

/** Folders outside the layers, which may import from all of them (by their doors). */
export const FREE_ROOTS: readonly string[] = ["tools", "tests", "benchmarks", "examples"];

/** The only folder that may import the FFI library. */
export const FFI = { package: "koffi", folder: "src/kernel" } as const;

/** Longest TypeScript and C file, lines. */
export const MAX_LINES = { ts: 400, c: 500 } as const;
/** Longest C helper and C program entry, lines. TypeScript functions are measured by biome. */
export const MAX_C_FUNCTION = { helper: 80, entry: 40 } as const;
