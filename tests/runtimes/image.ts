// SPDX-License-Identifier: Apache-2.0
// An image made of busybox, and of links to the machine's libraries for helpers whose folders are mounted.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "./programs.ts";

export const imageName = "cilium-test";
/** As runtimes name it that know several registries. */
export const archiveName = "localhost/cilium-test:1";

/** Imports it into a Docker engine. */
export function importImage(host: string): void {
  const folder = mkdtempSync(join(tmpdir(), "cilium-image-"));
  try {
    const tar = join(folder, "image.tar");
    execFileSync("tar", ["-C", makeRoot(folder), "-cf", tar, "."]);
    execFileSync(programs.docker, ["import", tar, imageName], { env: { DOCKER_HOST: host }, stdio: "pipe" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An image archive as `docker save` makes it, which containerd and podman import; gives its path. */
export function imageArchive(folder: string): string {
  const parts = join(folder, "image");
  mkdirSync(parts);
  execFileSync("tar", ["-C", makeRoot(folder), "-cf", join(parts, "layer.tar"), "."]);
  const digest = createHash("sha256")
    .update(readFileSync(join(parts, "layer.tar")))
    .digest("hex");
  const rootfs = { type: "layers", diff_ids: [`sha256:${digest}`] };
  const config = { architecture: goArch(), os: "linux", config: { Env: ["PATH=/bin:/usr/bin"] }, rootfs };
  writeFileSync(join(parts, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [archiveName], Layers: ["layer.tar"] }];
  writeFileSync(join(parts, "manifest.json"), JSON.stringify(manifest));
  const archive = join(folder, "image.tar");
  execFileSync("tar", ["-C", parts, "-cf", archive, "."]);
  return archive;
}

function goArch(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

/** The image's only layer, as a folder below `folder`; gives its path. */
export function makeRoot(folder: string): string {
  const root = join(folder, "root");
  for (const path of ["bin", "etc", "tmp", "usr"]) mkdirSync(join(root, path), { recursive: true });
  copyFileSync(programs.busybox, join(root, "bin/busybox"));
  for (const name of ["sh", "sleep", "ip", "nslookup"]) symlinkSync("busybox", join(root, "bin", name));
  for (const name of ["lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  return root;
}
